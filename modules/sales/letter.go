package sales

import (
	"context"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/mail"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// resendPause is how long somebody waits before a confirmation is sent again.
const resendPause = time.Minute

// Mails reports whether letters are sent at all.
func (s *Service) Mails() bool { return s.cfg.Mail != nil }

// post has letters sent after this transaction. Those that were posted before are not
// sent again; without a mail server none are.
func (s *Service) post(tx *db.Tx, letters ...letter) error {
	if !s.Mails() || len(letters) == 0 {
		return nil
	}
	batch := id.New()
	fresh, err := insertLetters(tx, batch, letters)
	if err != nil || fresh == 0 {
		return err
	}
	return tx.Enqueue(mailJob(batch))
}

// postFacts posts what a batch of facts gives reason to: confirmations and notices of
// refunds. The tills know nothing of it, so an on-sale is not slowed down.
func (s *Service) postFacts(_ context.Context, tx *db.Tx, batch []stream.Fact) error {
	var orders []id.ID
	var letters []letter
	for _, f := range batch {
		switch f.Type {
		case facts.OrdersPlaced{}.FactType():
			placed, err := stream.Decode[facts.OrdersPlaced](f)
			if err != nil {
				return err
			}
			orders = append(orders, placed.Orders...)
		case facts.TicketRefunded{}.FactType():
			r, err := stream.Decode[facts.TicketRefunded](f)
			if err != nil {
				return err
			}
			letters = append(letters, letter{Kind: letterRefund, Event: r.Event, Subject: r.Refund})
		}
	}
	confirm, err := ordersToConfirm(tx, orders)
	if err != nil {
		return err
	}
	return s.post(tx, append(letters, confirm...)...)
}

// Resend sends the confirmation of an order again, to its buyer's address and no
// other. Errors: fault.NotFound, fault.Limited within a minute of the last one,
// fault.Conflict when nothing is sent from here or no address is known.
func (s *Service) Resend(tx *db.Tx, o *Order) error {
	const op = "sales.Resend"
	if !s.Mails() {
		return fault.E(op, fault.Conflict, "no mail server is set up", nil).WithFix("keep the address of the order's page; the operator can set up mail in config.yaml")
	}
	if b := buyerOf(o.Buyer); b.Email == "" {
		return fault.E(op, fault.Conflict, "the order has no e-mail address", nil).WithFix("keep the address of the order's page")
	}
	times, last, err := confirmations(tx, o.ID)
	if err != nil {
		return err
	}
	if last != nil && tx.Now().Sub(*last) < resendPause {
		return fault.E(op, fault.Limited, "it was sent a moment ago", nil).WithFix("look into your mailbox, and try again in a minute")
	}
	return s.post(tx, letter{Kind: letterOrder, Event: o.Event, Subject: o.ID, Version: times})
}

// SendLetters sends what waits of a batch. One that the mail server refuses for good
// has failed; as long as it may take others later, the job comes again. A letter may
// go out twice when we are cut short between sending and noting it; it has the same
// Message-ID then. Errors: fault.Transient, and the database's.
func (s *Service) SendLetters(ctx context.Context, batch id.ID) error {
	if !s.Mails() {
		return nil
	}
	waiting, err := s.waitingLetters(ctx, batch)
	if err != nil {
		return err
	}
	var later error
	for i := range waiting {
		l := &waiting[i]
		err := s.send(ctx, l)
		switch {
		case err == nil:
			err = s.endLetter(ctx, l.ID, "sent", "")
		case fault.Is(err, fault.Invalid), fault.Is(err, fault.NotFound):
			s.log.WarnContext(ctx, "a letter was not sent", "letter", l.ID, "kind", l.Kind, "code", fault.CodeOf(err))
			err = s.endLetter(ctx, l.ID, "failed", fault.Message(err))
		default:
			later, err = err, nil
		}
		if err != nil {
			return err
		}
	}
	return later
}

func (s *Service) send(ctx context.Context, l *letter) error {
	w, to, err := s.write(ctx, l)
	if err != nil {
		return err
	}
	return s.cfg.Mail.Send(ctx, mail.Letter{ID: l.ID.String(), To: to, Subject: w.Subject, Text: w.text(), HTML: w.html()})
}
