package sales

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// poolView is a pool and how it is shared.
type poolView struct {
	Pool
	Levels string // as typed: "40, 60"
	Bar    stockBar
	Shared []string // "1: VIP", the categories by class
}

type categoriesPage struct {
	Head       eventHead
	Categories []categoryView
	Pools      []poolView
	New        poolView                 // a new pool as typed
	Wrong      map[string][]fault.Field // of the pool named Tried
	Elsewhere  []fault.Field
	Tried      string
}

func (s *Service) pageCategories(c echo.Context) error {
	return s.showCategories(c, http.StatusOK, "", poolView{}, nil)
}

// showCategories shows them, with a pool as it was typed when that was refused.
func (s *Service) showCategories(c echo.Context, status int, tried string, typed poolView, wrong error) error {
	e, err := s.pageOf(c)
	if err != nil {
		return err
	}
	p := categoriesPage{Head: s.head(&e, "categories"), Categories: views(&e), Tried: tried}
	for i := range e.Pools {
		v := poolView{Pool: e.Pools[i], Levels: levelsText(e.Pools[i].Protected), Bar: newStockBar(e.Pools[i].Sold, e.Pools[i].Held, e.Pools[i].Capacity)}
		for _, k := range p.Categories {
			if k.Category.Pool != nil && *k.Category.Pool == v.ID {
				v.Shared = append(v.Shared, strconv.Itoa(k.Class)+": "+k.Title)
			}
		}
		if v.ID.String() == tried {
			v.Name, v.Capacity, v.Levels = typed.Name, typed.Capacity, typed.Levels
		}
		p.Pools = append(p.Pools, v)
	}
	if tried == "new" {
		p.New = typed
	}
	if wrong != nil {
		p.Wrong, p.Elsewhere = placed(wrong, "name", "capacity", "protected")
	}
	return c.Render(status, "sales/categories", p)
}

func levelsText(levels []int) string {
	out := make([]string, len(levels))
	for i, n := range levels {
		out[i] = strconv.Itoa(n)
	}
	return strings.Join(out, ", ")
}

// pagePoolChanged makes, changes or removes a pool.
func (s *Service) pagePoolChanged(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	values, err := formOf(c)
	if err != nil {
		return err
	}
	ctx, tried := c.Request().Context(), "new"
	p, err := readPool(values)
	if p.Event = event; c.Param("id") != "" {
		tried = c.Param("id")
		p.ID, _ = id.Parse(tried)
	}
	switch {
	case err != nil:
	case tried == "new":
		err = s.db.InTx(ctx, func(tx *db.Tx) error { _, err := s.AddPool(tx, p, nil); return err })
	case values.Get("do") == "remove":
		err = s.RemovePool(ctx, event, p.ID, unchanged(values.Get("version")))
	default:
		_, err = s.ChangePool(ctx, p, unchanged(values.Get("version")))
	}
	if err != nil && mended(err) {
		return s.showCategories(c, http.StatusUnprocessableEntity, tried, poolView{Pool: p, Levels: values.Get("protected")}, err)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/events/"+event.String()+"/categories")
}

func readPool(v url.Values) (Pool, error) {
	p := Pool{Name: v.Get("name")}
	return p, collect("sales.form", func(bad complaint) {
		p.Capacity = formNumber(bad, "capacity", v.Get("capacity"))
		for _, text := range strings.FieldsFunc(v.Get("protected"), func(r rune) bool { return r == ',' || r == ' ' }) {
			p.Protected = append(p.Protected, formNumber(bad, "protected", text))
		}
	})
}

// formNumber reads a number; an empty input is 0.
func formNumber(bad complaint, field, text string) int {
	if text = strings.TrimSpace(text); text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		bad(field, "is no number", "digits only")
	}
	return n
}

// categoryForm is what the promoter typed about a category.
type categoryForm struct {
	Title, Price, Fee, Tax, Capacity, Min, Max, Position string
	SaleFrom, SaleUntil, Pool, Class, Rows, Columns      string
	ShopName                                             string
	Hidden                                               bool
	Version                                              string
}

// categoryInputs are how the form calls what a category consists of, in its units.
var categoryInputs = web.Inputs{"names": {Label: "Name"}, "price_minor": {Label: "Price", Fix: "such as 12.50"}, "fee_minor": {Label: "Fee on top", Fix: "such as 12.50"}, "tax_permille": {Label: "Tax within, %", Fix: "such as 19 or 7.7"},
	"capacity": {Label: "Capacity"}, "min_per_order": {Label: "At least an order"}, "max_per_order": {Label: "At most an order"}, "position": {Label: "Place in lists"},
	"sale_from": {Label: "On sale from"}, "sale_until": {Label: "On sale until"}, "pool": {Label: "Pool"}, "class": {Label: "Class in the pool"}, "rows": {Label: "Rows of numbered seats"}, "shop_name": {Label: "Name in the shop"}}

func readCategoryForm(v url.Values) categoryForm {
	return categoryForm{Title: v.Get("title"), Price: v.Get("price"), Fee: v.Get("fee"), Tax: v.Get("tax"), Capacity: v.Get("capacity"), Min: v.Get("min"), Max: v.Get("max"), Position: v.Get("position"),
		SaleFrom: v.Get("sale_from"), SaleUntil: v.Get("sale_until"), Pool: v.Get("pool"), Class: v.Get("class"), Rows: v.Get("rows"), Columns: v.Get("columns"),
		Hidden: v.Get("hidden") != "", ShopName: v.Get("shop_name"), Version: v.Get("version")}
}

func formOfCategory(c *Category, e *Event) categoryForm {
	f := categoryForm{Title: TextIn(c.Names, e.Locales, "").Title, Price: priceText(c.PriceMinor, e.Currency), Fee: priceText(c.FeeMinor, e.Currency), Tax: permilleText(c.TaxPermille),
		Capacity: strconv.Itoa(c.Capacity), Min: strconv.Itoa(c.MinPerOrder), Max: strconv.Itoa(c.MaxPerOrder), Position: strconv.Itoa(c.Position), SaleFrom: e.on(c.SaleFrom).Input(), SaleUntil: e.on(c.SaleUntil).Input(),
		Class: strconv.Itoa(max(c.Class, 1)), Rows: strconv.Itoa(c.Rows), Columns: strconv.Itoa(c.Columns), Hidden: c.Hidden, ShopName: c.ShopName, Version: versionText(e.Version)}
	if c.Pool != nil {
		f.Pool = c.Pool.String()
	}
	return f
}

// permilleText is a share in percent: 190 is "19", 77 is "7.7".
func permilleText(n int) string {
	return strings.TrimSuffix(strconv.FormatFloat(float64(n)/10, 'f', 1, 64), ".0")
}

func formPermille(bad complaint, field, text string) int {
	text = strings.TrimSuffix(strings.TrimSpace(text), "%")
	if text = strings.TrimSpace(strings.ReplaceAll(text, ",", ".")); text == "" {
		return 0
	}
	whole, part, _ := strings.Cut(text, ".")
	n, err := strconv.Atoi(whole + (part + "0")[:1])
	if err != nil || len(part) > 1 {
		bad(field, "is no share in percent", "such as 19 or 7.7")
	}
	return n
}

func (f *categoryForm) category(was Category, e *Event) (Category, error) {
	c := was
	c.Event, c.Hidden, c.ShopName = e.ID, f.Hidden, f.ShopName
	c.Names = map[string]Text{}
	maps.Copy(c.Names, was.Names)
	t := c.Names[e.Locales[0]]
	t.Title = f.Title
	c.Names[e.Locales[0]] = t
	return c, collect("sales.form", func(bad complaint) {
		if strings.TrimSpace(f.Title) == "" {
			bad("names", "is empty", "what people call it, such as Standing")
		}
		c.PriceMinor, c.FeeMinor = formAmount(bad, "price_minor", f.Price, e.Currency), formAmount(bad, "fee_minor", f.Fee, e.Currency)
		c.TaxPermille = formPermille(bad, "tax_permille", f.Tax)
		c.Capacity, c.Position = formNumber(bad, "capacity", f.Capacity), formNumber(bad, "position", f.Position)
		c.MinPerOrder, c.MaxPerOrder = formNumber(bad, "min_per_order", f.Min), formNumber(bad, "max_per_order", f.Max)
		c.Rows, c.Columns = formNumber(bad, "rows", f.Rows), formNumber(bad, "rows", f.Columns)
		if c.Rows > 0 && (c.Rows != was.Rows || c.Columns != was.Columns) {
			c.Capacity = 0 // as many as there are seats
		}
		c.SaleFrom, c.SaleUntil = formMoment(bad, "sale_from", f.SaleFrom, e.Zone), formMoment(bad, "sale_until", f.SaleUntil, e.Zone)
		if c.Pool = nil; f.Pool != "" {
			pool, err := id.Parse(f.Pool)
			if err != nil {
				bad("pool", "is none of the event's", "choose one of the list")
			}
			c.Pool, c.Class = &pool, formNumber(bad, "class", f.Class)
		}
	})
}

func formAmount(bad complaint, field, text, currency string) int64 {
	if strings.TrimSpace(text) == "" {
		return 0
	}
	minor, err := parsePrice(text, currency)
	if err != nil {
		bad(field, "is no amount in "+currency, "such as 12.50")
	}
	return minor
}

type categoryPage struct {
	Head      eventHead
	ID        string // "new" for a new one
	Form      categoryForm
	Currency  string
	Shop      string // sells the event; "": we do
	Pools     []Pool
	Prices    []priceView
	Taken     int // sold or in carts: seats and pool are fixed
	Wrong     map[string][]fault.Field
	Elsewhere []fault.Field
}

// priceView is an entry of the price history.
type priceView struct {
	Price, Fee, Reason, Actor string
	At                        moment
}

func (s *Service) pageCategory(c echo.Context) error {
	e, err := s.pageOf(c)
	if err != nil {
		return err
	}
	was, err := categoryOf(c, &e)
	if err != nil {
		return err
	}
	form := categoryForm{Max: "10", Min: "1", Class: "1", Version: versionText(e.Version)}
	if was.ID != id.Nil {
		form = formOfCategory(&was, &e)
	}
	return s.showCategory(c, http.StatusOK, &e, &was, form, nil)
}

// categoryOf is the one in the address; the zero Category for a new one.
func categoryOf(c echo.Context, e *Event) (Category, error) {
	if c.Param("id") == "" {
		return Category{}, nil
	}
	name, err := id.Parse(c.Param("id"))
	if found := e.Category(name); err == nil && found != nil {
		return *found, nil
	}
	return Category{}, noCategory()
}

func (s *Service) showCategory(c echo.Context, status int, e *Event, was *Category, f categoryForm, wrong error) error {
	p := categoryPage{Head: s.head(e, "categories"), ID: "new", Form: f, Currency: e.Currency, Shop: e.Shop, Pools: e.Pools, Taken: was.Sold + was.Held}
	if was.ID != id.Nil {
		p.ID = was.ID.String()
		list, err := s.PriceHistory(c.Request().Context(), was.ID)
		if err != nil {
			return err
		}
		for _, h := range list {
			p.Prices = append(p.Prices, priceView{priceText(h.PriceMinor, e.Currency), priceText(h.FeeMinor, e.Currency), h.Reason, h.Actor, e.on(&h.At)})
		}
	}
	if wrong != nil {
		p.Form.Version = versionText(e.Version)
		p.Wrong, p.Elsewhere = toldIn(categoryInputs, wrong)
	}
	return c.Render(status, "sales/category", p)
}

func (s *Service) pageCategoryChanged(c echo.Context) error {
	values, err := formOf(c)
	if err != nil {
		return err
	}
	e, err := s.pageOf(c)
	if err != nil {
		return err
	}
	was, err := categoryOf(c, &e)
	if err != nil {
		return err
	}
	ctx, f := c.Request().Context(), readCategoryForm(values)
	k, err := f.category(was, &e)
	switch {
	case err != nil:
	case was.ID == id.Nil:
		err = s.db.InTx(ctx, func(tx *db.Tx) error {
			_, err := s.AddCategory(tx, k, web.Actor(ctx), unchanged(f.Version))
			return err
		})
	default:
		_, err = s.ChangeCategory(ctx, k, web.Actor(ctx), unchanged(f.Version))
	}
	if err != nil && mended(err) {
		return s.showCategory(c, http.StatusUnprocessableEntity, &e, &was, f, err)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/events/"+e.ID.String()+"/categories")
}

func (s *Service) pageCategoryRemoved(c echo.Context) error {
	event, name, err := part(c)
	if err != nil {
		return err
	}
	err = s.RemoveCategory(c.Request().Context(), event, name, unchanged(c.FormValue("version")))
	if err != nil && mended(err) {
		return s.showCategories(c, http.StatusUnprocessableEntity, "", poolView{}, err)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/events/"+event.String()+"/categories")
}
