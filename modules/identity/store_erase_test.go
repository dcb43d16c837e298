package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// neighbour is another module that keeps something of a person.
type neighbour struct {
	kept   map[string]string
	broken int // so many erasures fail
	asked  int
}

func (n *neighbour) ExportPerson(_ context.Context, person string, add func(string, any) error) error {
	if v, ok := n.kept[person]; ok {
		return add("order", v)
	}
	return nil
}

func (n *neighbour) ErasePerson(_ context.Context, person string) error {
	if n.asked++; n.asked <= n.broken {
		return errors.New("the process was killed")
	}
	delete(n.kept, person)
	return nil
}

func (h *house) signedIn(c web.Caller) {
	h.t.Helper()
	h.must(func(tx *db.Tx) error {
		if err := putLogin(tx, c.Person, Vouched{Provider: "club", Issuer: "https://club.example", Subject: c.Person, Email: c.Label + "@example.org"}); err != nil {
			return err
		}
		_, err := h.OpenSession(tx, Opening{Person: c.Person, Provider: "club", Agent: "Firefox"})
		return err
	})
}

func TestExportHoldsAllModulesAndNobodyElse(t *testing.T) {
	h := newHouse(t)
	cleo, ben := h.person(RoleCustomer, "Cleo"), h.person(RoleCustomer, "Ben")
	h.signedIn(cleo)
	h.signedIn(ben)
	data := h.PersonalData(&neighbour{kept: map[string]string{cleo.Person: "two tickets", ben.Person: "a season"}})
	var file bytes.Buffer
	if err := data.Export(web.WithCaller(t.Context(), cleo), cleo.Person, &file); err != nil {
		t.Fatal(err)
	}
	var sections []string
	for line := range strings.Lines(file.String()) {
		var l exportLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		sections = append(sections, l.Section)
	}
	if want := []string{"order", "person", "login", "session", "audit"}; !slices.Equal(sections, want) {
		t.Errorf("%v, want %v", sections, want)
	}
	if text := file.String(); !strings.Contains(text, "two tickets") || strings.Contains(text, "season") || strings.Contains(text, ben.Person) {
		t.Error(text)
	}
	file.Reset()
	wantCode(t, "nobody", data.Export(t.Context(), id.New().String(), &file), fault.NotFound)
	if file.Len() > 0 {
		t.Error("something was written before the fault")
	}
}

func TestErasureForgetsEverywhereAndKeepsTheChain(t *testing.T) {
	h := newHouse(t)
	cleo := h.person(RoleCustomer, "Cleo")
	h.signedIn(cleo)
	shop := &neighbour{kept: map[string]string{cleo.Person: "two tickets"}, broken: 1}
	data := h.PersonalData(shop)
	for range 2 { // asked twice
		if err := h.as(cleo, func(tx *db.Tx) error { return data.AskErasure(tx, cleo.Person) }); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := h.Sessions(t.Context(), cleo.Person); err != nil || len(list) != 0 {
		t.Errorf("still signed in: %v %v", list, err)
	}
	if err := data.erase(t.Context(), cleo.Person); err == nil {
		t.Fatal("the first run must fail")
	}
	for range 3 { // the queue runs it again, and perhaps once too often
		if err := data.erase(t.Context(), cleo.Person); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Person(t.Context(), cleo.Person); !fault.Is(err, fault.NotFound) || len(shop.kept) != 0 {
		t.Errorf("something is left: %v %v", err, shop.kept)
	}
	var left int
	if err := h.db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM identity.login`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d logins, %v", left, err)
	}
	log := h.actions()
	if want := []string{"erasure.asked", "erasure.asked", "person.erased"}; !slices.Equal(log, want) {
		t.Errorf("the audit says %v, want %v", log, want)
	}
	if c := h.verify(); !c.OK() {
		t.Errorf("%+v", c)
	}
	var text string
	if err := h.db.Pool().QueryRow(t.Context(), `SELECT string_agg(a::text, '') FROM identity.audit a`).Scan(&text); err != nil || strings.Contains(text, "Cleo") {
		t.Errorf("the audit knows the name: %v", err)
	}
}

func TestErasureIsAQueuedJob(t *testing.T) {
	h := newHouse(t)
	cleo := h.person(RoleCustomer, "Cleo")
	h.must(func(tx *db.Tx) error { return h.PersonalData().AskErasure(tx, cleo.Person) })
	var name, payload string
	err := h.db.Pool().QueryRow(t.Context(), `SELECT name, payload::text FROM queue.outbox`).Scan(&name, &payload)
	if err != nil || name != jobErase || payload != `{"person": "`+cleo.Person+`"}` {
		t.Errorf("%s %s %v", name, payload, err)
	}
	wantCode(t, "what nobody asked for", h.PersonalData().erase(t.Context(), id.New().String()), fault.NotFound)
}

func TestWhoMayEraseWhom(t *testing.T) {
	h := newHouse(t)
	ana, adam, cleo := h.person(RoleOwner, "Ana"), h.person(RoleAdmin, "Adam"), h.person(RoleCustomer, "Cleo")
	ask := func(by, who web.Caller) error {
		return h.as(by, func(tx *db.Tx) error { return h.PersonalData().AskErasure(tx, who.Person) })
	}
	wantCode(t, "the last owner", ask(ana, ana), fault.Conflict)
	wantCode(t, "an owner by an admin", ask(adam, ana), fault.Forbidden)
	wantCode(t, "nobody", ask(ana, web.Caller{Person: id.New().String()}), fault.NotFound)
	for _, err := range []error{ask(adam, cleo), ask(adam, adam)} {
		if err != nil {
			t.Error(err)
		}
	}
	if h.roleOf(ana) != RoleOwner || h.roleOf(adam) != RoleCustomer {
		t.Errorf("%s %s", h.roleOf(ana), h.roleOf(adam))
	}
}
