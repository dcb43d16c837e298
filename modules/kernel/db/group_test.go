package db_test

import (
	"slices"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
)

func TestGather(t *testing.T) {
	queue := make(chan int, 8)
	for i := range 5 {
		queue <- i
	}
	if got := db.Gather([]int{9}, queue, 4); !slices.Equal(got, []int{9, 0, 1, 2}) {
		t.Errorf("up to four: %v", got)
	}
	close(queue)
	if got := db.Gather([]int{9}, queue, 8); !slices.Equal(got, []int{9, 3, 4}) {
		t.Errorf("what is left in a queue that was closed: %v", got)
	}
}

// Who has been answered comes again; Gather lets them run.
func TestGatherLetsCallersRun(t *testing.T) {
	queue, most := make(chan int, 64), 0
	for range 20 { // another core may be slow to wake
		for i := range 32 {
			go func() { queue <- i }()
		}
		got := db.Gather([]int{<-queue}, queue, 64)
		most = max(most, len(got))
		for n := len(got); n < 32; n++ {
			<-queue
		}
	}
	if most < 16 {
		t.Errorf("at most %d of 32 were gathered", most)
	}
}
