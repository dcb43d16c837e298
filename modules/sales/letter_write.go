package sales

import (
	"cmp"
	"context"
	"encoding/json"
	"html"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/sales/pay"
)

// written is a letter in words. A passage is a paragraph, or a link when it has a URL.
type written struct {
	Lang    string
	Subject string
	Parts   []passage
}

type passage struct{ Text, URL string }

func (w *written) say(texts ...string) {
	w.Parts = append(w.Parts, passage{Text: strings.Join(texts, " ")})
}
func (w *written) link(text, url string) { w.Parts = append(w.Parts, passage{text, url}) }

// text is the letter as plain text.
func (w *written) text() string {
	var b strings.Builder
	for _, p := range w.Parts {
		b.WriteString(p.Text)
		if p.URL != "" {
			b.WriteString(":\n" + p.URL)
		}
		b.WriteString("\n\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// html is the same as HTML, without pictures or anything that is fetched.
func (w *written) html() string {
	var b strings.Builder
	b.WriteString(`<!doctype html><html lang="` + w.Lang + `"><meta charset="utf-8"><title>` + html.EscapeString(w.Subject) + "</title><body>\n")
	for _, p := range w.Parts {
		text := strings.ReplaceAll(html.EscapeString(p.Text), "\n", "<br>")
		if p.URL != "" {
			text = `<a href="` + html.EscapeString(p.URL) + `">` + text + "</a>"
		}
		b.WriteString("<p>" + text + "</p>\n")
	}
	return b.String() + "</body></html>\n"
}

func buyerOf(raw json.RawMessage) (b Buyer) {
	if len(raw) == 0 || json.Unmarshal(raw, &b) != nil {
		return Buyer{}
	}
	return b
}

// write finds what a letter is about, in the language of whom it is for.
// Errors: fault.NotFound when it is gone, fault.Invalid when there is no address.
func (s *Service) write(ctx context.Context, l *letter) (w written, to string, err error) {
	e, err := s.Event(ctx, l.Event)
	if err != nil {
		return w, "", err
	}
	switch l.Kind {
	case letterOrder:
		to, err = s.writeOrder(ctx, &w, l, &e)
	case letterTransfer:
		to, err = s.writeTransfer(ctx, &w, l, &e)
	case letterOffer:
		to, err = s.writeOffer(ctx, &w, l, &e)
	case letterRefund:
		to, err = s.writeRefund(ctx, &w, l, &e)
	default:
		to, err = s.writeBank(ctx, &w, l, &e)
	}
	if err == nil && to == "" {
		err = fault.E("sales.letter", fault.Invalid, "there is no address", nil)
	}
	return w, to, err
}

// begin writes the subject, the greeting and what event it is about.
func (w *written) begin(e *Event, locale, subject, name string) letterWords {
	t := wordsFor(locale)
	l := letterTongues[t.Lang]
	title := cmp.Or(e.Text(t.Lang).Title, e.Slug)
	w.Lang, w.Subject = t.Lang, l.subject[subject]+": "+title
	if name == "" {
		w.say(l.hello + ",")
	} else {
		w.say(l.hello + " " + name + ",")
	}
	when := t.form(&t, e.on(&e.StartsAt).local()) + " (" + e.Zone + ")"
	about := title + "\n" + when
	if e.Venue != "" {
		about += "\n" + e.Venue
	}
	w.say(about)
	if e.Sandbox {
		w.say(t.Sandbox)
	}
	return l
}

func (s *Service) writeOrder(ctx context.Context, w *written, l *letter, e *Event) (string, error) {
	o, _, err := s.OrderTickets(ctx, l.Subject)
	if err != nil {
		return "", err
	}
	b := buyerOf(o.Buyer)
	t := w.begin(e, b.Locale, letterOrder, b.Name)
	words := wordsFor(b.Locale)
	w.say(t.bought, plural(t.tickets, o.Qty)+",", words.amount(o.TotalMinor, o.Currency)+".")
	due, err := s.dueAtDoor(ctx, o.ID)
	if err != nil {
		return "", err
	}
	if due > 0 {
		w.say(words.atDoor(due, o.Currency))
	}
	w.link(t.toTickets, s.cfg.Origin+"/o/"+s.OrderToken(o.ID))
	w.say(t.secret)
	return b.Email, nil
}

func (s *Service) writeTransfer(ctx context.Context, w *written, l *letter, e *Event) (string, error) {
	o, tickets, err := s.OrderTickets(ctx, l.Subject)
	if err != nil {
		return "", err
	}
	if l.N < 1 || l.N > len(tickets) || tickets[l.N-1].Version != l.Version || tickets[l.N-1].Holder == nil {
		return "", noTicket(nil) // handed on again meanwhile: this link would not work
	}
	ticket := &tickets[l.N-1]
	b := buyerOf(o.Buyer)
	t := w.begin(e, b.Locale, letterTransfer, ticket.Holder.Name)
	if ticket.Version > 2 {
		b.Name = "" // an earlier holder has it from the buyer, and may be who gave it
	}
	w.say(cmp.Or(b.Name, t.somebody), t.handed)
	w.link(t.toTicket, s.cfg.Origin+"/t/"+s.HolderToken(ticket))
	w.say(t.secret)
	return ticket.Holder.Email, nil
}

func (s *Service) writeOffer(ctx context.Context, w *written, l *letter, e *Event) (string, error) {
	entry, err := s.findWaiting(ctx, l.Subject)
	if err != nil {
		return "", err
	}
	if entry.State != waitOffered || entry.OfferUntil == nil {
		return "", fault.E("sales.letter", fault.NotFound, "the offer is over", nil)
	}
	t := w.begin(e, entry.Locale, letterOffer, "")
	words := wordsFor(entry.Locale)
	w.say(plural(t.tickets, entry.OfferedQty), t.kept, words.form(&words, e.on(entry.OfferUntil).local())+".")
	w.link(t.toOffer, s.cfg.Origin+"/shop/offers/"+s.OfferToken(entry.ID))
	return entry.Email, nil
}

func (s *Service) writeRefund(ctx context.Context, w *written, l *letter, e *Event) (string, error) {
	r, err := s.Refund(ctx, l.Subject)
	if err != nil {
		return "", err
	}
	if r.Order == nil {
		return s.writeReturn(ctx, w, &r, e)
	}
	o, _, err := s.OrderTickets(ctx, *r.Order)
	if err != nil {
		return "", err
	}
	b := buyerOf(o.Buyer)
	t := w.begin(e, b.Locale, letterRefund, b.Name)
	w.say(plural(t.tickets, len(r.Tickets)), t.given)
	if r.AmountMinor > 0 {
		words := wordsFor(b.Locale)
		w.say(words.amount(r.AmountMinor, r.Currency), t.comes)
	}
	w.link(t.toOrder, s.cfg.Origin+"/o/"+s.OrderToken(o.ID))
	return b.Email, nil
}

// writeReturn says why money bought nothing, and that it goes back.
func (s *Service) writeReturn(ctx context.Context, w *written, r *Refund, e *Event) (string, error) {
	if r.Payment == nil {
		return "", noOrder(nil)
	}
	p, err := s.Payment(ctx, *r.Payment)
	if err != nil {
		return "", err
	}
	b := buyerOf(p.Buyer)
	t := w.begin(e, b.Locale, subjectReturn, b.Name)
	w.say(p.whyReturned(w.Lang))
	words := wordsFor(b.Locale)
	w.say(words.amount(r.AmountMinor, r.Currency), t.comes)
	w.link(t.toPayment, s.cfg.Origin+"/pay/"+s.PaymentToken(p.ID))
	return b.Email, nil
}

func (s *Service) writeBank(ctx context.Context, w *written, l *letter, e *Event) (string, error) {
	p, err := s.Payment(ctx, l.Subject)
	if err != nil {
		return "", err
	}
	if !p.open() || p.Until == nil {
		return "", fault.E("sales.letter", fault.NotFound, "the payment is open no more", nil)
	}
	b := buyerOf(p.Buyer)
	t := w.begin(e, b.Locale, letterBank, b.Name)
	words := wordsFor(b.Locale)
	w.say(t.pay, words.amount(p.AmountMinor, p.Currency), t.until, words.form(&words, e.on(p.Until).local())+".")
	w.say(strings.TrimSpace(s.cfg.Payment.Transfer.Account))
	w.say(t.reference, pay.Reference(p.ID))
	w.link(t.toPayment, s.cfg.Origin+"/pay/"+s.PaymentToken(p.ID))
	return b.Email, nil
}
