package app

import (
	"testing"
	"testing/fstest"
)

// The memory limit follows the container, else the machine, and never the dream.
func TestMemoryLimitFollowsTheMachine(t *testing.T) {
	const mb = 1 << 20
	meminfo := "MemTotal:        2097152 kB\nMemFree:          10000 kB\n" // 2 GB
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"a large machine":                 {map[string]string{"proc/meminfo": meminfo}, 160 * mb},
		"a container without limit":       {map[string]string{"proc/meminfo": meminfo, "sys/fs/cgroup/memory.max": "max\n"}, 160 * mb},
		"a container of 512 MB":           {map[string]string{"proc/meminfo": meminfo, "sys/fs/cgroup/memory.max": "536870912\n"}, 128 * mb},
		"an old container of 512 MB":      {map[string]string{"proc/meminfo": meminfo, "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n"}, 128 * mb},
		"an old container without limit":  {map[string]string{"proc/meminfo": meminfo, "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 160 * mb},
		"a container smaller than we are": {map[string]string{"proc/meminfo": meminfo, "sys/fs/cgroup/memory.max": "67108864\n"}, 48 * mb},
		"a small machine":                 {map[string]string{"proc/meminfo": "MemTotal: 400000 kB\n"}, 400000 << 10 / 4},
		"a system that does not say":      {nil, 160 * mb},
	} {
		root := fstest.MapFS{}
		for file, text := range c.files {
			root[file] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := memoryShare(memoryLimit, machineMemory(root)); got != c.want {
			t.Errorf("%s: %d bytes, want %d", name, got, c.want)
		}
	}
}
