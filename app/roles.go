package app

import (
	"slices"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// The roles of a process. One that has them all is a whole Usher. Where one machine is
// not enough, processes on one PostgreSQL and one Redis may share them (docs/scaling.md).
const (
	roleWeb    = "web"    // answers people and programs, takes events in, sells
	roleWorker = "worker" // runs jobs: pushes, letters, models
	roleStream = "stream" // handles facts: windows, detectors, visits, prices
)

var allRoles = []string{roleWeb, roleWorker, roleStream}

// plays reports whether this process has a role.
func (c Config) plays(role string) bool { return slices.Contains(c.Roles, role) }

// checkRoles refuses a process that would wait for others which cannot be there.
func (c Config) checkRoles() error {
	const op, key = "app.Config", "roles"
	if len(c.Roles) == 0 {
		return fault.BadField(op, key, "is empty", "some of web, worker and stream; without it: all")
	}
	for _, role := range allRoles {
		if !c.plays(role) && (c.Database.URL == "" || c.Redis.URL == "") {
			return fault.BadField(op, key, "leaves out "+role+", which no other process can have: the built-in stores are this one's", "set database.url and redis.url, or leave roles out")
		}
	}
	return nil
}

// parts are what runs in a process with these roles, in the order of their start.
func (u *Usher) parts(cfg Config) []Component {
	var parts []Component
	if cfg.plays(roleWorker) {
		parts = append(parts, Component{"jobs", u.queue.Run})
	}
	if cfg.plays(roleStream) {
		parts = append(parts, Component{"stream", u.stream.Run})
	} else {
		parts = append(parts, Component{"stream", u.stream.Tell})
	}
	if cfg.plays(roleWeb) {
		parts = append(parts, Component{"sales", u.selling})
	}
	if cfg.plays(roleStream) {
		parts = append(parts, Component{"windows", u.windows})
	}
	parts = append(parts, Component{"memory", restMemory}, Component{"http", u.server.Run})
	if u.azure != nil {
		parts = append(parts, Component{"azure", u.azure.Run})
	}
	return parts
}

// silent is the site of a process that only works: it tells how it is, and nothing else.
func (s Site) silent() Site {
	s.Routes, s.Pages, s.Files = nil, nil, nil
	return s
}
