package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/analytics/cluster"
	"github.com/usherhq/usher/modules/analytics/clustertest"
)

// season draws n past events: rock on weekends that either goes at once or at the last
// minute, and jazz during the week, all of one kind.
func season(seed uint64, n int) (all []cluster.Event, truth map[string]int) {
	r := rand.New(rand.NewPCG(seed, 5))
	truth = map[string]int{}
	near := func(x float64) float64 { return x * (.9 + .2*r.Float64()) }
	for i := range n {
		e := cluster.Event{ID: fmt.Sprint("e", i), Genre: "rock", Weekend: true, Over: true, Lead: near(60), Capacity: near(300), Price: near(20)}
		switch k := r.IntN(3); k {
		case 0:
			e.Early, e.Late, e.Fill = near(.6), near(.1), near(.95)
			truth[e.ID] = k
		case 1:
			e.Early, e.Late, e.Fill, e.Lead = near(.1), near(.6), near(.5), near(25)
			truth[e.ID] = k
		default:
			e.Genre, e.Weekend, e.Early, e.Late, e.Fill = "jazz", false, near(.3), near(.3), near(.7)
			truth[e.ID] = 2
		}
		all = append(all, e)
	}
	return all, truth
}

func TestEventsAreGroupedByGenreWeekAndHowTheySell(t *testing.T) {
	all, truth := season(1, 200)
	g := cluster.Events(all, nil)
	if got := clustertest.ARI(truth, g.Of); got < .95 || len(g.Groups) != 3 {
		t.Fatalf("ARI %.3f, %d groups: %+v", got, len(g.Groups), g.Groups)
	}
	var names []string
	for _, x := range g.Groups {
		names = append(names, x.Name)
	}
	said := strings.Join(names, "; ")
	t.Log(said)
	for _, want := range []string{"jazz during the week", "rock on weekends, "} {
		if !strings.Contains(said, want) {
			t.Errorf("no group is called %q: %s", want, said)
		}
	}
	if strings.Contains(said, "jazz during the week,") {
		t.Errorf("events of one kind are told apart: %s", said)
	}
}

func TestFewEventsStayTogetherByGenreAndWeek(t *testing.T) {
	all, _ := season(2, 30)
	all = append(all, cluster.Event{ID: "no genre", Capacity: 100, Lead: 10})
	g := cluster.Events(all, nil)
	if len(g.Groups) != 3 || g.Groups[2].Name != "events without a genre during the week" {
		t.Errorf("got %+v", g.Groups)
	}
	if n := g.Groups[g.Of["no genre"]].Past; n != 0 {
		t.Errorf("%d past events where there is none", n)
	}
}

// Names and numbers stay with their groups from one run to the next, and events to come
// join the group they fit.
func TestEventGroupsKeepNamesAndNumbers(t *testing.T) {
	all, _ := season(3, 220)
	first := cluster.Events(all[:200], nil)
	quick := -1
	for i := range first.Groups {
		g := &first.Groups[i]
		if g.No = i + 10; g.Early > .5 {
			quick, g.Name, g.Renamed = g.No, "Runs at once", true
		}
	}
	again := append([]cluster.Event{{ID: "next", Genre: "rock", Weekend: true, Lead: 62, Capacity: 300, Price: 20}}, all[20:]...)
	second := cluster.Events(again, first.Groups)
	g := second.Groups[second.Of["next"]]
	if g.No != quick || g.Name != "Runs at once" || g.Early < .5 {
		t.Errorf("an event with a long sale is in %+v, want number %d", g, quick)
	}
	seen := map[int]bool{}
	for _, g := range second.Groups {
		if g.No == 0 || seen[g.No] {
			t.Errorf("number %d twice, or lost: %+v", g.No, second.Groups)
		}
		seen[g.No] = true
	}
	if got := clustertest.ARI(first.Of, second.Of); got < .9 {
		t.Errorf("ARI of two runs %.3f", got)
	}
	if g := cluster.Events(nil, first.Groups); len(g.Groups) != 0 {
		t.Errorf("no events: %+v", g)
	}
}
