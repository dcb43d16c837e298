package sales

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/pay"
	"github.com/usherhq/usher/modules/sales/words"
)

// paymentPages are where a buyer waits for his payment, and invoices to print.
func (s *Service) paymentPages() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/pay/:token", Right: web.Public, Handler: s.portal(s.shopPayment)},
		{Method: "GET", Path: "/pay/:token/release", Right: web.Public, Handler: s.portal(backToForm)},
		{Method: "POST", Path: "/pay/:token/release", Right: web.Public, Handler: s.portal(s.shopPaymentReleased)},
		{Method: "GET", Path: "/invoice/:token", Right: web.Public, Handler: s.pageInvoice},
		{Method: "GET", Path: "/invoices/:id", Right: web.Staff, Handler: s.pageInvoiceOfStaff},
	}
}

type invoiceLink struct{ Name, URL string }

// billView is a bill in words.
type billView struct {
	Lines []billLineView
	Taxes []taxView
	Total string
}

type billLineView struct {
	Title, Unit, Gross, Rate string
	Qty                      int
}

type taxView struct{ Rate, Net, Tax string }

func (b *Bill) view(t *words.Tongue) billView {
	amount := func(minor int64) string { return t.Money(minor, b.Currency) }
	v := billView{Total: amount(b.GrossMinor)}
	for _, l := range b.Lines {
		v.Lines = append(v.Lines, billLineView{Title: l.named(t), Unit: amount(l.UnitMinor), Gross: amount(l.GrossMinor), Rate: rateWords(t, l.TaxPermille), Qty: l.Qty})
	}
	for _, x := range b.Taxes {
		if x.Permille > 0 {
			v.Taxes = append(v.Taxes, taxView{rateWords(t, x.Permille), amount(x.NetMinor), amount(x.TaxMinor)})
		}
	}
	return v
}

// named is what the line is for.
func (l *BillLine) named(t *words.Tongue) string {
	title := cmp.Or(l.Title, t.Say("cart.what"))
	if l.Kind == billFee {
		return t.Say("pay.fee", title)
	}
	return title
}

// rateWords is a tax rate, as in "7.7 %".
func rateWords(t *words.Tongue, permille int) string {
	return strings.ReplaceAll(permilleText(permille), ".", t.Say("number.point")) + " %"
}

// invoiceLinks are those to an order's invoices and credit notes.
func (s *Service) invoiceLinks(ctx context.Context, t *words.Tongue, order id.ID) (links []invoiceLink, err error) {
	found, err := s.InvoicesOf(ctx, order)
	for _, i := range found {
		name := t.Say("pay.invoice", i.Name())
		if i.Kind == kindCredit {
			name = t.Say("invoice.credit", i.Name())
		}
		links = append(links, invoiceLink{name, "/invoice/" + s.InvoiceToken(i.ID)})
	}
	return links, err
}

// invoicePage is a document as it is printed, in the buyer's language.
type invoicePage struct {
	*words.Tongue
	Name    string
	Credit  bool
	Sandbox bool
	Of      string
	Date    string
	Title   string
	When    string
	Seller  []string
	TaxID   string
	Buyer   []string
	Bill    billView
}

// Spoken is the language of the page, whatever the dashboard's is.
func (p invoicePage) Spoken() string { return p.Lang }

func (s *Service) pageInvoice(c echo.Context) error {
	invoice, ok := openID(s.invoiceKey, c.Param("token"))
	if !ok {
		return fault.E("sales.Invoice", fault.NotFound, "there is no such invoice", nil)
	}
	i, err := s.Invoice(c.Request().Context(), invoice)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Referrer-Policy", "no-referrer")
	return c.Render(http.StatusOK, "sales/invoice", i.page())
}

func (s *Service) pageInvoiceOfStaff(c echo.Context) error {
	invoice, err := pathID(c)
	if err != nil {
		return err
	}
	i, err := s.Invoice(c.Request().Context(), invoice)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "sales/invoice", i.page())
}

func (i *Invoice) page() invoicePage {
	d := &i.Document
	t := words.In(d.Buyer.Locale)
	v := invoicePage{Tongue: t, Name: i.Name(), Credit: i.Kind == kindCredit, Sandbox: i.Mode == pay.Sandbox, Of: d.Of, Date: d.Date, Title: d.Title, When: t.Moment(moment{d.Starts, d.Zone}.local()),
		Seller: append([]string{d.Seller.Name}, inLines(d.Seller.Address)...), TaxID: d.Seller.TaxID, Bill: d.Bill.view(t)}
	if day, err := time.Parse(time.DateOnly, d.Date); err == nil {
		v.Date = t.Day(day)
	}
	if d.Seller.Email != "" {
		v.Seller = append(v.Seller, d.Seller.Email)
	}
	for _, line := range []string{d.Buyer.Name, d.Buyer.Email} {
		if line != "" {
			v.Buyer = append(v.Buyer, line)
		}
	}
	return v
}
