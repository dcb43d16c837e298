package identity

import (
	"context"
	"encoding/json"
	"io"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Keeper is a module that keeps what concerns persons. Each module fulfils it for
// its own tables; person is the id of one.
type Keeper interface {
	// ExportPerson adds all it keeps of the person, section by section; a section may
	// be added to many times, one value each. add's errors end it.
	ExportPerson(ctx context.Context, person string, add func(section string, v any) error) error
	// ErasePerson forgets the person: removes what is theirs alone, and cuts the link
	// to them from what others need. It is safe to repeat, after a crash too.
	ErasePerson(ctx context.Context, person string) error
}

// PersonalData serves people's right to a copy of what is kept of them, and to be
// forgotten, over all modules.
type PersonalData struct {
	s       *Service
	keepers []Keeper
}

// PersonalData joins the keepers; identity's own part is always there, and last.
func (s *Service) PersonalData(keepers ...Keeper) *PersonalData {
	return &PersonalData{s: s, keepers: append(keepers, s)}
}

// exportLine is one line of an export.
type exportLine struct {
	Section string `json:"section"`
	Data    any    `json:"data"`
}

// Export writes all that is kept of a person to w, as NDJSON: a line for each
// thing, with its section. That it was asked for is in the audit.
// Errors: fault.NotFound before anything is written.
func (p *PersonalData) Export(ctx context.Context, person string, w io.Writer) error {
	if err := p.noteExport(ctx, person); err != nil {
		return err
	}
	lines := json.NewEncoder(w)
	for _, k := range p.keepers {
		err := k.ExportPerson(ctx, person, func(section string, v any) error { return lines.Encode(exportLine{section, v}) })
		if err != nil {
			return err
		}
	}
	return nil
}

// noteExport checks that there is such a person and writes down who asked.
func (p *PersonalData) noteExport(ctx context.Context, person string) error {
	return p.s.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := lockPerson(tx, person); err != nil {
			return err
		}
		return p.s.audit(tx, Entry{Actor: actorOf(ctx), Action: "person.exported", Object: personActor(person)})
	})
}

// AskErasure ends a person's access at once and forgets them in a job. Whoever is on
// the team leaves it first, so the last owner cannot vanish.
// Errors: fault.NotFound, fault.Conflict for the last owner, fault.Forbidden when
// somebody who is no owner would erase a member of the team.
func (p *PersonalData) AskErasure(tx *db.Tx, person string) error {
	const op = "identity.AskErasure"
	owners, err := lockOwners(tx)
	if err != nil {
		return err
	}
	who, err := lockPerson(tx, person)
	if err != nil {
		return err
	}
	caller := web.CallerOf(tx.Ctx())
	if who.Role != RoleCustomer && caller.Person != who.ID && Role(caller.Role) != RoleOwner {
		return fault.E(op, fault.Forbidden, "only an owner erases a member of the team", nil)
	}
	if err := keepsAnOwner(op, owners, who, RoleCustomer); err != nil {
		return err
	}
	if err := updateRole(tx, who.ID, RoleCustomer); err != nil {
		return err
	}
	if err := p.s.endAccess(tx, who.ID); err != nil {
		return err
	}
	if err := putErasure(tx, who.ID, actorOf(tx.Ctx())); err != nil {
		return err
	}
	if err := tx.Enqueue(eraseJob(who.ID)); err != nil {
		return err
	}
	return p.s.audit(tx, Entry{Actor: actorOf(tx.Ctx()), Action: "erasure.asked", Object: personActor(who.ID)})
}

// erase is the job: each keeper in turn, identity last, so that a job that was cut
// off finds the request again. A second run finds it done.
func (p *PersonalData) erase(ctx context.Context, person string) error {
	if done, err := p.s.erased(ctx, person); err != nil || done {
		return err
	}
	for _, k := range p.keepers {
		if err := k.ErasePerson(ctx, person); err != nil {
			return err
		}
	}
	return p.s.db.InTx(ctx, func(tx *db.Tx) error {
		first, err := finishErasure(tx, person)
		if err != nil || !first {
			return err
		}
		return p.s.audit(tx, Entry{Actor: "usher", Action: "person.erased", Object: personActor(person)})
	})
}

// ExportPerson adds what identity knows: the person, how they sign in, where they
// are signed in, what they did.
func (s *Service) ExportPerson(ctx context.Context, person string, add func(section string, v any) error) error {
	p, err := s.Person(ctx, person)
	if err != nil {
		return err
	}
	if err := add("person", p); err != nil {
		return err
	}
	logins, err := s.loginsOf(ctx, person)
	if err != nil {
		return err
	}
	for _, l := range logins {
		if err := add("login", l); err != nil {
			return err
		}
	}
	now := s.db.Now()
	sessions, err := s.sessionsOf(ctx, person, now.Add(-s.cfg.Session), now)
	if err != nil {
		return err
	}
	for _, x := range sessions {
		if err := add("session", x); err != nil {
			return err
		}
	}
	return s.exportAudit(ctx, AuditFilter{Actor: personActor(person)}, func(l AuditLine) error { return add("audit", l) })
}

// exportPage is how many lines of the audit are read at once.
const exportPage = 500

// exportAudit gives every line that f lets through to fn, the newest first. It
// holds no transaction open while fn writes to a slow reader.
func (s *Service) exportAudit(ctx context.Context, f AuditFilter, fn func(AuditLine) error) error {
	for before := int64(0); ; {
		lines, err := s.listAudit(ctx, f, before, exportPage)
		if err != nil {
			return err
		}
		for _, l := range lines {
			if err := fn(l); err != nil {
				return err
			}
			before = l.No
		}
		if len(lines) < exportPage {
			return nil
		}
	}
}

// ErasePerson removes the person; logins, sessions and tokens go with the row. The
// audit keeps the id, which then means nobody.
func (s *Service) ErasePerson(ctx context.Context, person string) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error { return deletePerson(tx, person) })
}
