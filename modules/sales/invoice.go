package sales

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/pay"
)

// SellerConfig is the section "sales.seller": who issues invoices. Without a name
// none are issued.
type SellerConfig struct {
	Name    string `koanf:"name"`
	Address string `koanf:"address"` // with line breaks
	TaxID   string `koanf:"tax_id"`
	Email   string `koanf:"email"`
	Zone    string `koanf:"zone"`   // IANA; the year of an invoice is the seller's
	Series  string `koanf:"series"` // before the year and number: R in R-2027-000042
}

func (c SellerConfig) check(bad complaint) {
	if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "" || c.Zone == "Local" {
		bad("seller.zone", fmt.Sprintf("%q is no time zone", c.Zone), `such as "Europe/Berlin"`)
	}
	if c.Series == "" || len(c.Series) > 20 || strings.ContainsFunc(c.Series, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) {
		bad("seller.series", fmt.Sprintf("is %q", c.Series), "1 to 20 of A-Z and 0-9")
	}
	if c.Series == sandboxSeries {
		bad("seller.series", "is that of the sandbox", "any other")
	}
	if c.Name != "" && strings.TrimSpace(c.Address) == "" {
		bad("seller.address", "is missing", "an invoice names its seller's address")
	}
}

// sandboxSeries numbers what is no real invoice.
const sandboxSeries = "TEST"

// Kinds of documents.
const (
	kindInvoice = "invoice"
	kindCredit  = "credit_note"
)

// Invoice is a document with a number, or the credit note that takes it back in part.
// It never changes once it is issued.
type Invoice struct {
	ID       id.ID     `json:"id"`
	Series   string    `json:"series"`
	Year     int       `json:"year"`
	Number   int       `json:"number"`
	Mode     pay.Mode  `json:"mode"`
	Kind     string    `json:"kind"`
	Payment  id.ID     `json:"payment"`
	Refund   *id.ID    `json:"refund,omitempty"`
	Order    id.ID     `json:"order"`
	Event    id.ID     `json:"event"`
	Document Document  `json:"document"`
	IssuedAt time.Time `json:"issued_at"`
}

// Name is the number as people write it: R-2027-000042.
func (i *Invoice) Name() string { return fmt.Sprintf("%s-%d-%06d", i.Series, i.Year, i.Number) }

// Document is everything an invoice says, as it was when it was issued.
type Document struct {
	Seller Seller    `json:"seller"`
	Buyer  Buyer     `json:"buyer"`
	Title  string    `json:"title"` // of the event
	Starts time.Time `json:"starts_at"`
	Zone   string    `json:"zone"`
	Date   string    `json:"date"` // the seller's
	Method string    `json:"method"`
	Of     string    `json:"of,omitempty"` // the invoice that a credit note takes back
	Bill   Bill      `json:"bill"`
}

// Seller is who issued it.
type Seller struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	TaxID   string `json:"tax_id,omitempty"`
	Email   string `json:"email,omitempty"`
}

// issueInvoice issues the invoice of a payment that became an order. What was voided
// before it was paid at the door is not on it.
func (s *Service) issueInvoice(tx *db.Tx, p *Payment) error {
	bill := p.Bill
	if bill.GrossMinor != p.AmountMinor {
		qty, err := validTickets(tx, *p.Order)
		if err != nil {
			return err
		}
		bill = p.Bill.part(qty, nil, false)
	}
	return s.issue(tx, p, Invoice{Kind: kindInvoice}, bill)
}

// issueCredit takes back of an invoice what a refund returns; there is none without
// an invoice.
func (s *Service) issueCredit(tx *db.Tx, p *Payment, r *Refund, bill Bill) error {
	of, err := invoiceOf(tx, p.ID)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	i := Invoice{Kind: kindCredit, Refund: &r.ID}
	i.Document.Of = of.Name()
	return s.issue(tx, p, i, bill)
}

// issue gives a document the next number of its series and year. It comes last in a
// transaction: from here on everybody else who issues one waits.
func (s *Service) issue(tx *db.Tx, p *Payment, i Invoice, bill Bill) error {
	const op = "sales.issue"
	seller := s.cfg.Seller
	if seller.Name == "" || bill.GrossMinor == 0 {
		return nil
	}
	e, err := s.eventWithin(tx, p.Event)
	if err != nil {
		return err
	}
	place, err := time.LoadLocation(seller.Zone)
	if err != nil {
		return fault.E(op, fault.Internal, "the seller's time zone is not known", err)
	}
	var buyer Buyer
	if err := json.Unmarshal(p.Buyer, &buyer); err != nil {
		return fault.E(op, fault.Internal, "the buyer cannot be read", err)
	}
	today := tx.Now().In(place)
	i.ID, i.Mode, i.Payment, i.Order, i.Event, i.IssuedAt = id.New(), p.Mode, p.ID, *p.Order, p.Event, tx.Now()
	i.Series, i.Year = seller.Series, today.Year()
	if p.Mode == pay.Sandbox {
		i.Series = sandboxSeries
	}
	d := &i.Document
	d.Seller = Seller{seller.Name, seller.Address, seller.TaxID, seller.Email}
	d.Buyer, d.Title, d.Starts, d.Zone, d.Date, d.Method, d.Bill = buyer, e.Text(buyer.Locale).Title, e.StartsAt, e.Zone, today.Format(time.DateOnly), string(p.Method), bill
	if i.Number, err = nextNumber(tx, i.Series, i.Year); err != nil {
		return err
	}
	return insertInvoice(tx, i)
}

// InvoiceToken is the secret part of the link to an invoice.
func (s *Service) InvoiceToken(invoice id.ID) string { return signedID(s.invoiceKey, invoice) }
