package sales

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/room"
)

const (
	roomAge    = 500 * time.Millisecond // how old a process's view of a room may be
	roomBlock  = 50                     // numbers a process takes at once while many come
	passLife   = 15 * time.Minute       // of somebody who was let in
	busyFor    = time.Minute            // an automatic room stays closed after the tills were crowded
	ticketSize = 16 + 8 + 16            // event, number, MAC
)

// Stand is where somebody stands in a waiting room.
type Stand struct {
	Ticket string        `json:"ticket"`         // his number, signed; to ask again with
	Place  uint64        `json:"place"`          // from 1, among everybody who came
	Ahead  uint64        `json:"ahead"`          // people before him who are not in yet
	Wait   time.Duration `json:"-"`              // honest: by the rate people are let in
	Ask    time.Duration `json:"-"`              // when to ask again
	Pass   string        `json:"pass,omitempty"` // he is in: to show with the cart
}

// The modes of a room. An event without one is as with RoomAuto.
const (
	RoomOff  = "off"  // nobody waits
	RoomAuto = "auto" // people wait while the tills are crowded
	RoomOn   = "on"   // everybody comes through it
)

// SetRoom chooses how an event's waiting room works. Until opensAt people gather and
// nobody is let in; then their order is drawn by lot. Zero: it is open.
// Errors: fault.Invalid, fault.NotFound.
func (s *Service) SetRoom(ctx context.Context, event id.ID, mode string, opensAt time.Time) error {
	if mode != RoomOff && mode != RoomAuto && mode != RoomOn {
		return fault.BadField("sales.SetRoom", "mode", fmt.Sprintf("%q is none", clip(mode)), "off, auto or on")
	}
	if _, err := s.Event(ctx, event); err != nil {
		return err
	}
	if opensAt.IsZero() {
		opensAt = s.db.Now()
	}
	if err := s.hall.store.setRoom(ctx, event, mode, opensAt); err != nil {
		return err
	}
	s.hall.forget(event)
	return nil
}

// hall is the waiting rooms of all events.
type hall struct {
	store store
	key   []byte
	rate  float64 // people a second while nothing was measured

	mu    sync.Mutex
	rooms map[id.ID]*waitingRoom
}

// waitingRoom is a process's view of one.
type waitingRoom struct {
	roomState
	seen        time.Time
	next, until uint64 // numbers taken from the database and not given out yet
}

// roomState is what the database says.
type roomState struct {
	active   bool // people must wait
	before   time.Duration
	drawn    uint64
	admitted float64
	rate     float64 // people a second, over all replicas
}

func newHall(s store, key []byte, rate float64) *hall {
	return &hall{store: s, key: key, rate: rate, rooms: map[id.ID]*waitingRoom{}}
}

// forget has this process look at a room anew; others do within roomAge.
func (h *hall) forget(event id.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rooms[event]; r != nil {
		r.seen = time.Time{}
	}
}

// active reports whether buyers of the event must come through its room.
func (h *hall) active(ctx context.Context, event id.ID) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, err := h.look(ctx, event)
	return err == nil && r.active, err
}

// look refreshes a room's view when it is old. Callers hold mu: one query at a
// time, however many ask.
func (h *hall) look(ctx context.Context, event id.ID) (*waitingRoom, error) {
	now := h.store.db.Now()
	r := h.rooms[event]
	if r == nil {
		r = &waitingRoom{}
		h.rooms[event] = r
	}
	if now.Sub(r.seen) < roomAge {
		return r, nil
	}
	state, err := h.store.advanceRoom(ctx, event, h.rate)
	if err != nil {
		return nil, err
	}
	r.roomState, r.seen = state, now
	return r, nil
}

// join gives a number. Errors: fault.NotFound without a room, fault.Transient.
func (h *hall) join(ctx context.Context, event id.ID) (Stand, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, err := h.look(ctx, event)
	if err != nil {
		return Stand{}, err
	}
	if r.next == r.until {
		block := uint64(1)
		if r.before > 0 || float64(r.until)-r.admitted > 10*roomBlock {
			block = roomBlock
		}
		last, err := h.store.issue(ctx, event, block)
		if err != nil {
			return Stand{}, err
		}
		r.next, r.until = last-block, last
	}
	r.next++
	return h.stand(event, r, r.next), nil
}

// ask tells the holder of a ticket where he stands now. Errors: fault.Invalid.
func (h *hall) ask(ctx context.Context, event id.ID, ticket string) (Stand, error) {
	number, err := h.number(event, "ticket", ticket)
	if err != nil {
		return Stand{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r, err := h.look(ctx, event)
	if err != nil {
		return Stand{}, err
	}
	return h.stand(event, r, number), nil
}

func (h *hall) stand(event id.ID, r *waitingRoom, number uint64) Stand {
	s := Stand{Ticket: h.sign(event, "ticket", number), Place: room.Place(number, r.drawn, h.seed(event))}
	s.Wait = room.Wait(s.Place, r.admitted, r.rate, r.before)
	if ahead := float64(s.Place) - 1 - r.admitted; ahead > 0 {
		s.Ahead = uint64(ahead)
	}
	if s.Wait == 0 {
		s.Pass = h.sign(event, "pass", uint64(h.store.db.Now().Add(passLife).Unix()))
		return s
	}
	s.Ask = room.Ask(s.Wait, float64(number%97)/97)
	return s
}

// admit checks the pass of a buyer whose event has an active room.
// Errors: fault.Forbidden, which says where to go.
func (h *hall) admit(ctx context.Context, event id.ID, pass string) error {
	active, err := h.active(ctx, event)
	if err != nil || !active {
		return err
	}
	until, err := h.number(event, "pass", pass)
	if err == nil && int64(until) > h.store.db.Now().Unix() {
		return nil
	}
	return fault.E("sales.Room", fault.Forbidden, "very many people want tickets: please take a place in the waiting room", err).
		WithFix(fmt.Sprintf("POST /v1/rooms/%s, ask as often as it says, and send the pass as Usher-Pass", event))
}

func (h *hall) seed(event id.ID) []byte { return h.mac(event, "draw", 0) }

func (h *hall) mac(event id.ID, what string, number uint64) []byte {
	m := hmac.New(sha256.New, h.key)
	m.Write(event[:])
	m.Write([]byte(what))
	m.Write(binary.BigEndian.AppendUint64(nil, number))
	return m.Sum(nil)[:16]
}

func (h *hall) sign(event id.ID, what string, number uint64) string {
	b := binary.BigEndian.AppendUint64(append(make([]byte, 0, ticketSize), event[:]...), number)
	return base64.RawURLEncoding.EncodeToString(append(b, h.mac(event, what, number)...))
}

// number reads what sign made. Errors: fault.Invalid.
func (h *hall) number(event id.ID, what, token string) (uint64, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil && len(b) == ticketSize && id.ID(b[:16]) == event {
		n := binary.BigEndian.Uint64(b[16:24])
		if hmac.Equal(b[24:], h.mac(event, what, n)) {
			return n, nil
		}
	}
	return 0, fault.BadField("sales.Room", what, "was not given out here", "take a place again")
}
