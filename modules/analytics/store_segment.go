package analytics

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/analytics/cluster"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// segmentWord is what tags and neighbours call a segment.
func segmentWord(no int) string { return strconv.Itoa(no) }

func noSegment() error {
	return fault.E("analytics.Segment", fault.NotFound, "there is no such segment", nil).WithFix("GET /v1/segments lists them")
}

// segmentsKnown are all that are kept, those that the last run did not find too.
func (s *Service) segmentsKnown(ctx context.Context) (knownSegments, error) {
	return s.findSegments(ctx, `true`)
}

// segments are those of the last run, customers' before events', the largest first.
func (s *Service) segments(ctx context.Context) ([]Segment, error) {
	return s.findSegments(ctx, `gone_at IS NULL`)
}

// segmentOf is one. Errors: fault.NotFound.
func (s *Service) segmentOf(ctx context.Context, no int) (Segment, error) {
	list, err := s.findSegments(ctx, `gone_at IS NULL AND no = $1`, no)
	if err == nil && len(list) == 0 {
		return Segment{}, noSegment()
	}
	if err != nil {
		return Segment{}, err
	}
	return list[0], nil
}

func (s *Service) findSegments(ctx context.Context, where string, args ...any) ([]Segment, error) {
	const op = "analytics.segments"
	rows, err := s.db.Pool().Query(ctx, `SELECT no, kind, name, renamed, size, detail, made_at, gone_at, (SELECT count(*) FROM analytics.segment_member WHERE segment = no)
		FROM analytics.segment WHERE `+where+` ORDER BY kind, size DESC, no`, args...)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	out, err := pgx.CollectRows(rows, scanSegment)
	return out, db.Classify(op, err)
}

func scanSegment(r pgx.CollectableRow) (g Segment, err error) {
	var detail segmentDetail
	err = r.Scan(&g.No, &g.Kind, &g.Name, &g.Renamed, &g.Size, &detail, &g.MadeAt, &g.GoneAt, &g.Reach)
	g.MadeAt, g.Customer, g.Event = g.MadeAt.UTC(), detail.Customer, detail.Event
	if g.Kind == kindCustomers {
		g.Tag = "$Segment:{" + segmentWord(g.No) + "}"
	}
	return g, err
}

// segmentDetail is what is kept of a segment beside its columns.
type segmentDetail struct {
	Customer *cluster.Segment    `json:"customers,omitempty"`
	Event    *cluster.EventGroup `json:"events,omitempty"`
}

// saveSegments keeps what a run found, and numbers the new ones. A name that a person
// gave meanwhile stays.
func saveSegments(tx *db.Tx, list []Segment, run Segmentation) error {
	const op = "analytics.saveSegments"
	exec := func(sql string, args ...any) error {
		_, err := tx.Conn().Exec(tx.Ctx(), sql, args...)
		return db.Classify(op, err)
	}
	if err := exec(`UPDATE analytics.segment SET gone_at = $1 WHERE gone_at IS NULL`, tx.Now()); err != nil {
		return err
	}
	var rows [][]any
	for i := range list {
		g := &list[i]
		if err := saveSegment(tx, g); err != nil {
			return db.Classify(op, err)
		}
		for _, m := range g.members {
			rows = append(rows, []any{g.No, m})
		}
	}
	if err := exec(`DELETE FROM analytics.segment_member`); err != nil {
		return err
	}
	if _, err := tx.Conn().CopyFrom(tx.Ctx(), pgx.Identifier{"analytics", "segment_member"}, []string{"segment", "member"}, pgx.CopyFromRows(rows)); err != nil {
		return db.Classify(op, err)
	}
	if err := exec(`DELETE FROM analytics.segment WHERE gone_at < $1`, tx.Now().Add(-segmentsKept)); err != nil {
		return err
	}
	return exec(`INSERT INTO analytics.segmentation (one, made_at, customers, one_off, silhouette) VALUES (true, $1, $2, $3, $4)
		ON CONFLICT (one) DO UPDATE SET made_at = $1, customers = $2, one_off = $3, silhouette = $4`, tx.Now(), run.Customers, run.OneOff, run.Silhouette)
}

func saveSegment(tx *db.Tx, g *Segment) error {
	detail := segmentDetail{g.Customer, g.Event}
	if g.No == 0 {
		return tx.Conn().QueryRow(tx.Ctx(), `INSERT INTO analytics.segment (kind, name, renamed, size, detail, made_at) VALUES ($1, $2, false, $3, $4, $5) RETURNING no`,
			g.Kind, g.Name, g.Size, detail, tx.Now()).Scan(&g.No)
	}
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.segment SET name = CASE WHEN renamed THEN name ELSE $2 END, size = $3, detail = $4, gone_at = NULL WHERE no = $1`,
		g.No, g.Name, g.Size, detail)
	return err
}

// segmentation is the last run; false: there was none.
func (s *Service) segmentation(ctx context.Context) (run Segmentation, ok bool, err error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT made_at, customers, one_off, silhouette FROM analytics.segmentation`)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&run.MadeAt, &run.Customers, &run.OneOff, &run.Silhouette}, func() error { ok = true; return nil })
	}
	run.MadeAt = run.MadeAt.UTC()
	return run, ok, db.Classify("analytics.segmentation", err)
}

// renameSegment keeps a person's name for a segment; "": none. Errors: fault.NotFound.
func (s *Service) renameSegment(ctx context.Context, no int, name string) error {
	tag, err := s.db.Pool().Exec(ctx, `UPDATE analytics.segment SET renamed = $2 <> '', name = CASE WHEN $2 = '' THEN coalesce(detail -> kind ->> 'own_name', name) ELSE $2 END
		WHERE no = $1 AND gone_at IS NULL`, no, name)
	if err == nil && tag.RowsAffected() == 0 {
		return noSegment()
	}
	return db.Classify("analytics.RenameSegment", err)
}

// segmentOfPerson is the segment that somebody is in, as a copy of personal data tells it.
type segmentOfPerson struct {
	No    int       `json:"no"`
	Name  string    `json:"name"`
	Since time.Time `json:"made_at"`
}

func (s *Service) segmentsOf(ctx context.Context, persons []string) (map[string]segmentOfPerson, error) {
	out := map[string]segmentOfPerson{}
	rows, err := s.db.Pool().Query(ctx, `SELECT m.member, g.no, g.name, g.made_at FROM analytics.segment_member m JOIN analytics.segment g ON g.no = m.segment
		WHERE m.member = ANY($1) AND g.kind = 'customers'`, persons)
	if err == nil {
		var person string
		var g segmentOfPerson
		_, err = pgx.ForEachRow(rows, []any{&person, &g.No, &g.Name, &g.Since}, func() error {
			g.Since = g.Since.UTC()
			out[person] = g
			return nil
		})
	}
	return out, db.Classify("analytics.SegmentsOf", err)
}

// membersOf are the members of a segment after one, in their order.
func (s *Service) membersOf(ctx context.Context, no int, after string, limit int) ([]string, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT member FROM analytics.segment_member WHERE segment = $1 AND member > $2 ORDER BY member LIMIT $3`, no, after, limit)
	if err != nil {
		return nil, db.Classify("analytics.members", err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return out, db.Classify("analytics.members", err)
}

// groupOfEvent is the name of the group that an event is in; "": none yet.
func (s *Service) groupOfEvent(ctx context.Context, event string) (name string, err error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT g.name FROM analytics.segment_member m JOIN analytics.segment g ON g.no = m.segment WHERE m.member = $1 AND g.kind = 'events'`, event)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&name}, func() error { return nil })
	}
	return name, db.Classify("analytics.groupOfEvent", err)
}

func (s *Service) deleteMember(ctx context.Context, person string) error {
	_, err := s.db.Pool().Exec(ctx, `DELETE FROM analytics.segment_member WHERE member = $1`, person)
	return db.Classify("analytics.ErasePerson", err)
}
