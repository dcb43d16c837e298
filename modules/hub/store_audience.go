package hub

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/db"
)

// rows is the condition on the rows of hub.installation that a draft goes to, of all that
// a phone may have: one for each handle, those that take native messages, or those that
// are a template. Every statement that decides or reads an audience contains it.
func (d *Draft) rows() string { return "i.status = 'active' AND " + d.kindOfRow() }

func (d *Draft) kindOfRow() string {
	switch {
	case d.ownTemplates():
		return "NOT i.native"
	case d.Reach == EachNative:
		return "i.native"
	}
	return "i.main"
}

// audience is rows, and what a tag expression asks of them; first is the number of its
// first placeholder.
func (d *Draft) audience(expr *tagexpr.Expr, first int) (where string, args []any) {
	if d.own != nil {
		return fmt.Sprintf("%s AND i.no = ANY($%d)", d.rows(), first), []any{slices.Sorted(maps.Keys(d.own))}
	}
	tags, args := expr.SQL(audienceColumns, first)
	return d.rows() + " AND " + tags, args
}

// countAudience counts the rows a prepared draft reaches. What
// is everyone but some is counted as that: no index finds those without a tag.
func (s *Service) countAudience(ctx context.Context, p Prepared) (map[push.Service]int64, error) {
	without, negated := p.expr.Complement()
	if !negated {
		return s.countMatching(ctx, p, p.expr)
	}
	all, err := s.countMatching(ctx, p, &tagexpr.Expr{})
	if err != nil {
		return nil, err
	}
	some, err := s.countMatching(ctx, p, without)
	for service, n := range some {
		// Registrations between the two counts must not make it negative.
		all[service] = max(all[service]-n, 0)
	}
	return all, err
}

func (s *Service) countMatching(ctx context.Context, p Prepared, expr *tagexpr.Expr) (map[push.Service]int64, error) {
	leave, err := s.audiences.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	where, args := p.letter.draft.audience(expr, 3)
	rows, err := s.db.Pool().Query(ctx, `
		SELECT i.service, count(*) FROM hub.installation i
		WHERE i.app_id = $1 AND i.service = ANY($2) AND `+where+` GROUP BY i.service`,
		append([]any{p.letter.app.ID, servicesOf(&p.letter.draft)}, args...)...)
	if err != nil {
		return nil, db.Classify("hub.countAudience", err)
	}
	out := map[push.Service]int64{}
	var service string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&service, &n}, func() error { out[push.Service(service)] = n; return nil })
	return out, db.Classify("hub.countAudience", err)
}

// sampleRecipients shows each the first installations of every service in the audience.
func (s *Service) sampleRecipients(ctx context.Context, p Prepared, each func(rc *recipient, installation string)) error {
	const op = "hub.sampleRecipients"
	leave, err := s.audiences.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	where, args := p.letter.draft.audience(p.expr, 4)
	for _, service := range servicesOf(&p.letter.draft) {
		if !delivers(push.Service(service)) {
			continue // there is nothing to show
		}
		rows, err := s.db.Pool().Query(ctx, `SELECT i.no, coalesce(i.parent, i.id) FROM hub.installation i
			WHERE i.app_id = $1 AND i.service = $2 AND `+where+` LIMIT $3`,
			append([]any{p.letter.app.ID, service, sampleRows}, args...)...)
		if err != nil {
			return db.Classify(op, err)
		}
		names := map[int64]string{}
		var no int64
		var name string
		if _, err = pgx.ForEachRow(rows, []any{&no, &name}, func() error { names[no] = name; return nil }); err != nil {
			return db.Classify(op, err)
		}
		if err := s.readByNo(ctx, names, each); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) readByNo(ctx context.Context, names map[int64]string, each func(rc *recipient, installation string)) error {
	if len(names) == 0 {
		return nil
	}
	nos := make([]int64, 0, len(names))
	for no := range names {
		nos = append(nos, no)
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT `+recipientColumns+` FROM hub.installation i WHERE i.no = ANY($1) ORDER BY i.no`, recipientFormats, nos)
	if err != nil {
		return db.Classify("hub.readByNo", err)
	}
	return readRecipients(rows, func(rc recipient) { each(&rc, names[rc.no]) })
}

// numbersOf are the properties by the numbers that the installations have: a number means
// nothing any more once its installation is erased.
func (s *Service) numbersOf(ctx context.Context, app string, own map[string]map[string]any) (map[int64]map[string]any, error) {
	by := make(map[string]map[string]any, len(own))
	for installation, properties := range own {
		by[strings.ToLower(installation)] = properties
	}
	// LATERAL … OFFSET 0 finds each by the index of names, whatever the planner believes of the table.
	rows, err := s.db.Pool().Query(ctx, `SELECT i.no, w.id FROM unnest($2::text[]) AS w(id)
		CROSS JOIN LATERAL (SELECT no, app_id, status, main FROM hub.installation i WHERE lower(coalesce(i.parent, i.id)) = w.id OFFSET 0) i
		WHERE i.app_id = $1 AND i.status = 'active' AND i.main`,
		app, slices.Sorted(maps.Keys(by)))
	if err != nil {
		return nil, db.Classify("hub.Personal", err)
	}
	found := make(map[int64]map[string]any, len(own))
	var no int64
	var installation string
	_, err = pgx.ForEachRow(rows, []any{&no, &installation}, func() error { found[no] = by[installation]; return nil })
	return found, db.Classify("hub.Personal", err)
}
