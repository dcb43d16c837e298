package demo

import "github.com/usherhq/usher/modules/kernel/web"

// Tour is a guide through the dashboard while the festival plays.
type Tour struct {
	Acts  []Act
	Stops []Stop // to look at
	Tries []Stop // to do oneself, in this order
}

// Act is a part of the festival, as people are told of it.
type Act struct {
	Name      web.Text
	Now, Done bool
	What      web.Text // happens in it
	Said      web.Text // how it went, once it is over
}

// Stop is a page to look at, and what to look for there.
type Stop struct {
	Page web.Text
	Link string
	Look web.Text
}

// stops are the walk through the dashboard, in the order of the festival.
var stops = []Stop{
	{web.T("Events"), "/events", web.T("how full each event is; open one for its categories, its door and its waiting list")},
	{web.T("The shop"), "/shop", web.T("what buyers see: fill a cart and buy a ticket yourself")},
	{web.T("Detectors"), "/detectors", web.T("what was expected and what came; the viral moment is the step upwards")},
	{web.T("Prices"), "/prices", web.T("each move with its reason, inside the limits of its category")},
	{web.T("Forecasts"), "/forecasts", web.T("how many tickets will be sold by when, and how sure that is")},
	{web.T("Segments"), "/segments", web.T("who buys alike, in plain words")},
	{web.T("Notifications"), "/notifications", web.T("each notification with an outcome for every phone")},
	{web.T("The field"), "/crowd?event=" + venueEvent, web.T("where people are, how long they queue, and the ways between the stages")},
	{web.T("Offers"), "/offers", web.T("vouchers that were pushed and redeemed, against those who got none")},
	{web.T("Stream"), "/stream", web.T("every event that came in, by type")},
	{web.T("Health"), "/system", web.T("jobs, listeners and credentials at work")},
}

// tries are what people do themselves, from an event of their own to a push on their phone.
var tries = []Stop{
	{web.T("Make an event of your own"), "/events/new", web.T("give it a category with a price, and publish it")},
	{web.T("Buy a ticket for it"), "/shop", web.T("you pay at the door: no money moves")},
	{web.T("Send everyone a notification"), "/notifications/new", web.T("write a text, look at the preview, send")},
	{web.T("Look at your phone"), PhonePage, web.T("a simulated iPhone of yours that gets what you send")},
}

// PhonePage is the page of the phone of whoever looks at the demo.
const PhonePage = "/demo/phone"

// Tour tells where the festival is.
func (f *Festival) Tour() Tour {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := Tour{Stops: stops, Tries: tries}
	for _, a := range f.acts {
		t.Acts = append(t.Acts, Act{Name: a.name, Now: a.began && !a.ended, Done: a.ended, What: a.what, Said: a.said})
	}
	return t
}
