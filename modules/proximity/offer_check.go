package proximity

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// check reports every fault of the offer at once; v is where its event takes place.
func (o *Offer) check(v *Venue) error {
	o.fillIn()
	var f []fault.Field
	bad := func(name, problem, fix string) { f = append(f, fault.Field{Name: name, Problem: problem, Fix: fix}) }
	o.Name = checkName(bad, "name", o.Name)
	if !slices.Contains([]string{OfferDraft, OfferRunning, OfferPaused, OfferEnded}, o.State) {
		bad("state", fmt.Sprintf("%q is unknown", o.State), "draft, running, paused or ended")
	}
	if o.Title == "" || utf8.RuneCountInString(o.Title) > 100 {
		bad("title", "is missing or too long", "what the phone shows, at most 100 characters")
	}
	if utf8.RuneCountInString(o.Text) > 300 {
		bad("text", "is too long", "at most 300 characters")
	}
	if o.Stall != "" && v.stall(o.Stall) == nil {
		bad("stall", fmt.Sprintf("%q is no stall of the venue", o.Stall), "the name of a stall, or leave it out")
	}
	if !(o.Minutes >= 0.5 && o.Minutes <= 24*60) {
		bad("minutes", fmt.Sprintf("is %g", o.Minutes), "from 0.5 to 1440 minutes of validity")
	}
	if !(o.Holdout < 0 || o.Holdout <= 0.9) {
		bad("holdout", fmt.Sprintf("is %g", o.Holdout), "a share from 0.01 to 0.9, or -1 for nobody")
	}
	if o.EarnsMinor < 0 || o.EarnsMinor > 1e9 {
		bad("earns_minor", fmt.Sprintf("is %d", o.EarnsMinor), "what you earn when somebody comes, in minor units")
	}
	if !(o.Quiet.GapMinutes <= 24*60) {
		bad("quiet.gap_minutes", "is longer than a day", "at most 1440 minutes")
	}
	if !(o.Quiet.LastMinutes >= 0 && o.Quiet.LastMinutes <= 24*60) {
		bad("quiet.last_minutes", fmt.Sprintf("is %g", o.Quiet.LastMinutes), "from 0 to 1440 minutes")
	}
	o.checkTrigger(bad, v)
	o.checkGrant(bad)
	o.checkLimits(bad)
	return fault.BadFields("proximity.Offer", f)
}

func (o *Offer) checkTrigger(bad complaint, v *Venue) {
	t := &o.Trigger
	if !slices.Contains(occasions, t.On) {
		bad("trigger.on", fmt.Sprintf("%q is unknown", t.On), strings.Join(occasions, ", "))
		return
	}
	if t.Zone != "" && v.zone(t.Zone) == nil {
		bad("trigger.zone", fmt.Sprintf("%q is no zone of the venue", t.Zone), "the name of a zone")
	}
	switch t.On {
	case OnQueueShort, OnQueueLong:
		o.checkQueue(bad, v)
	case OnZoneEntered, OnDwelled:
		if t.Zone == "" {
			bad("trigger.zone", "is missing", "the name of the zone")
		}
		if t.On == OnDwelled && t.Minutes != 1 && t.Minutes != 5 {
			bad("trigger.minutes", fmt.Sprintf("is %g", t.Minutes), "1 or 5, the stays that are announced")
		}
	case OnPhase:
		if !(t.Minutes >= 0 && t.Minutes <= longestEvent.Minutes()) {
			bad("trigger.minutes", fmt.Sprintf("is %g", t.Minutes), "minutes after the event opened")
		}
	}
}

// checkQueue checks a trigger by a stall's queue.
func (o *Offer) checkQueue(bad complaint, v *Venue) {
	t := &o.Trigger
	stall := v.stall(t.Stall)
	if stall == nil || stall.Zone == "" {
		bad("trigger.stall", "is no stall with a zone where people wait", "the name of a stall whose queue is known")
		return
	}
	if t.On == OnQueueLong && t.People == 0 {
		t.People = float64(stall.QueueHigh)
	}
	if !(t.People > 0 && t.People <= 100_000) {
		bad("trigger.people", fmt.Sprintf("is %g", t.People), "the number of people who wait")
	}
	if t.On == OnQueueLong && t.Stall == o.Stall {
		bad("trigger.stall", "is the stall where the voucher is good", "an offer must not lead people to the long queue: name another stall")
	}
}

func (o *Offer) checkGrant(bad complaint) {
	g := &o.Grant
	switch g.Kind {
	case GrantPercent:
		if g.Percent < 1 || g.Percent > 100 {
			bad("grant.percent", fmt.Sprintf("is %d", g.Percent), "1 to 100")
		}
	case GrantAmount:
		if g.AmountMinor < 1 || g.AmountMinor > 1e9 || len(g.Currency) != 3 {
			bad("grant.amount_minor", "is no amount with a currency", "such as 200 and EUR for 2.00 EUR")
		}
	case GrantItem:
		g.Item = checkName(bad, "grant.item", g.Item)
	default:
		bad("grant.kind", fmt.Sprintf("%q is unknown", g.Kind), "percent, amount or item")
	}
	if g.WorthMinor < 0 || g.WorthMinor > 1e9 {
		bad("grant.worth_minor", fmt.Sprintf("is %d", g.WorthMinor), "what one voucher costs at most, in minor units")
	}
	if o.Limits.BudgetMinor > 0 && g.WorthMinor == 0 {
		bad("grant.worth_minor", "is missing", "what one voucher costs at most: a budget is counted with it")
	}
}

func (o *Offer) checkLimits(bad complaint) {
	l := o.Limits
	if l.Total < 0 || l.Total > 1e9 {
		bad("limits.total", fmt.Sprintf("is %d", l.Total), "a number of vouchers, or 0 for no limit")
	}
	if l.BudgetMinor < 0 || l.BudgetMinor > 1e12 {
		bad("limits.budget_minor", fmt.Sprintf("is %d", l.BudgetMinor), "what all vouchers cost together, in minor units, or 0 for no limit")
	}
	if l.PerPerson < 1 || l.PerPerson > 100 {
		bad("limits.per_person", fmt.Sprintf("is %d", l.PerPerson), "from 1 to 100 vouchers")
	}
	if o.State == OfferRunning && l.Total == 0 && l.BudgetMinor == 0 {
		bad("limits.total", "is missing", "a running offer has a total or a budget")
	}
}
