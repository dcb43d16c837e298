package proximity

import (
	"context"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/proximity/heatmap"
)

// site is a venue ready for looking things up.
type site struct {
	Venue
	beacons map[string]place   // by code
	tills   map[string]*Stall  // by name
	zones   map[id.ID]*Zone    // by id
	waiting map[id.ID][]*Stall // stalls by the zone where people wait for them
}

// place is where a beacon hangs.
type place struct {
	zone *Zone
	x, y float64
}

func newSite(v Venue) *site {
	m := &site{Venue: v, beacons: map[string]place{}, tills: map[string]*Stall{}, zones: map[id.ID]*Zone{}, waiting: map[id.ID][]*Stall{}}
	for i := range m.Zones {
		m.zones[m.Zones[i].ID] = &m.Zones[i]
	}
	for _, b := range m.Beacons {
		m.beacons[b.Code] = place{m.zone(b.Zone), b.X, b.Y}
	}
	for i := range m.Stalls {
		t := &m.Stalls[i]
		for _, name := range t.Tills {
			m.tills[name] = t
		}
		if z := m.zone(t.Zone); z != nil {
			m.waiting[z.ID] = append(m.waiting[z.ID], t)
		}
	}
	return m
}

// An atlas keeps the venues that were read last, each until its version changes, and the
// opened keys of events.
type atlas struct {
	mu    sync.Mutex
	sites map[id.ID]*site
	keys  map[id.ID]refKey

	policy policies
}

// scene is an event that is going on, and where.
type scene struct {
	Event
	site *site
	key  refKey
}

// at reports whether the event is going on at an instant.
func (s *scene) at(t time.Time) bool { return !t.Before(s.OpensAt) && t.Before(s.EndsAt) }

// scenes are the events whose sightings may still arrive at now, over those of a
// reader. Venues and keys are read once a version.
func (s *Service) scenes(ctx context.Context, q reader, now time.Time) ([]*scene, error) {
	going, err := events(ctx, q, `opens_at <= $1 AND ends_at > $2 AND ref_key IS NOT NULL ORDER BY opens_at DESC, id`, now, now.Add(-s.cfg.Forget))
	if err != nil || len(going) == 0 {
		return nil, err
	}
	versions, err := venueVersions(ctx, q, going)
	if err != nil {
		return nil, err
	}
	all := make([]*scene, len(going))
	for i, e := range going {
		sc := &scene{Event: e}
		if sc.site, err = s.site(ctx, q, e.Venue, versions[e.Venue]); err != nil {
			return nil, err
		}
		if sc.key, err = s.keyFor(e); err != nil {
			return nil, err
		}
		all[i] = sc
	}
	return all, nil
}

func (s *Service) site(ctx context.Context, q reader, venue id.ID, version int64) (*site, error) {
	s.maps.mu.Lock()
	have := s.maps.sites[venue]
	s.maps.mu.Unlock()
	if have != nil && have.Version == version {
		return have, nil
	}
	v, err := readVenue(ctx, q, venue, "")
	if err != nil {
		return nil, err
	}
	m := newSite(v)
	s.maps.mu.Lock()
	defer s.maps.mu.Unlock()
	if s.maps.sites == nil {
		s.maps.sites = map[id.ID]*site{}
	}
	s.maps.sites[venue] = m
	return m, nil
}

// keyFor opens the key of an event; it stays in memory as long as the row is there.
func (s *Service) keyFor(e Event) (refKey, error) {
	s.maps.mu.Lock()
	key := s.maps.keys[e.ID]
	s.maps.mu.Unlock()
	if key != nil {
		return key, nil
	}
	key, err := s.refKeyOf(e)
	if err != nil {
		return nil, err
	}
	s.maps.mu.Lock()
	defer s.maps.mu.Unlock()
	if s.maps.keys == nil {
		s.maps.keys = map[id.ID]refKey{}
	}
	s.maps.keys[e.ID] = key
	return key, nil
}

// dropKey forgets an opened key.
func (s *Service) dropKey(event id.ID) {
	s.maps.mu.Lock()
	defer s.maps.mu.Unlock()
	delete(s.maps.keys, event)
}

// grid of the venue's heat map.
func (m *site) grid() heatmap.Grid { return heatmap.GridOf(m.Width, m.Height) }
