package azure

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/fault"
)

const descriptionSuffix = "RegistrationDescription"

// registration is a hub.Registration and, when its tags name one, the
// installation it was exported from.
type registration struct {
	hub.Registration
	From string
	said said
}

// readDescription reads an Atom entry, or the description alone, as exports have
// it. Errors: fault.Invalid.
func readDescription(data []byte) (registration, error) {
	const op = "azure.Registration"
	doc, err := parseXML(data)
	if err != nil {
		return registration{}, err
	}
	e := doc.inside(descriptionSuffix)
	if e == nil {
		return registration{}, fault.E(op, fault.Invalid, "the entry holds no registration description", nil).
			WithFix("such as AppleRegistrationDescription in content")
	}
	form := strings.TrimSuffix(e.name, descriptionSuffix)
	form, template := strings.CutSuffix(form, "Template")
	p := find(func(p *platform) bool { return p.form == form })
	if p == nil {
		return registration{}, fault.BadField(op, e.name, "is a platform that Usher does not know", "one of "+words(func(p platform) string { return p.form }))
	}
	r := registration{said: said{Form: form}}
	r.ID, r.Kind = e.value("RegistrationId"), p.kind
	r.address(e, p)
	r.said.Tags = splitTags(e.value("Tags"))
	r.Tags, r.From, r.User = claims(r.said.Tags)
	r.said.User = r.User
	if text := e.value("PushVariables"); text != "" && json.Unmarshal([]byte(text), &r.said.Variables) != nil {
		return r, fault.BadField(op, "PushVariables", "is no JSON object of texts", `such as {"name": "Ana"}`)
	}
	if template {
		if err := r.template(e, p); err != nil {
			return r, err
		}
	}
	r.Extra, err = r.said.raw()
	return r, err
}

// address reads the handle.
func (r *registration) address(e *element, p *platform) {
	r.Handle = e.value(p.handle)
	r.said.Handle = r.Handle
	switch p.form {
	case "Browser":
		r.P256dh, r.Auth = e.value("P256DH"), e.value("Auth")
	case "Baidu":
		r.said.BaiduUser = e.value("BaiduUserId")
		r.Handle = baiduHandle(r.said.BaiduUser, r.Handle)
	}
}

// baiduHandle joins the two parts of an address; "" when one is missing.
func baiduHandle(user, channel string) string {
	if user == "" || channel == "" {
		return ""
	}
	return user + "-" + channel
}

// template reads what a template registration has more.
func (r *registration) template(e *element, p *platform) error {
	body := e.value("BodyTemplate")
	if body == "" {
		return fault.BadField("azure.Registration", "BodyTemplate", "is missing", "the template's text, in CDATA")
	}
	r.TemplateName = e.value("TemplateName")
	b := saidBody{Body: body, Expiry: e.value("Expiry"), Priority: e.value("Priority")}
	if list := e.kid(p.headers); p.headers != "" && list != nil {
		b.Headers = map[string]string{}
		for _, h := range list.kids {
			b.Headers[h.value("Header")] = h.value("Value")
		}
	}
	t := b.template()
	r.Template = &t
	r.said.Templates = map[string]saidBody{r.TemplateName: b.short()}
	return nil
}

// template is the hub's form of what a client wrote.
func (b saidBody) template() hub.Template {
	t := hub.Template{Body: hub.Body(b.Body), Tags: b.Tags}
	add := func(name, value string) {
		if t.Headers == nil {
			t.Headers = map[string]string{}
		}
		t.Headers[strings.ToLower(name)] = value
	}
	for name, value := range b.Headers {
		add(name, value)
	}
	if at, err := time.Parse(time.RFC3339, b.Expiry); err == nil {
		add("apns-expiration", strconv.FormatInt(at.Unix(), 10))
	}
	if b.Priority != "" {
		add("apns-priority", b.Priority)
	}
	return t
}

// never is how the reference writes that something does not expire.
const never = "9999-12-31T23:59:59.9999999Z"

func expiration(at *time.Time) string {
	if at == nil {
		return never
	}
	return at.UTC().Format(time.RFC3339)
}

// writeEntry writes a registration as an Atom entry; base is the hub's address.
func writeEntry(d *document, r hub.Registration, base string) error {
	p := platformOf(r.Kind, readSaid(r.Extra).Form)
	if p == nil {
		return fault.E("azure.Registration", fault.Internal, "the registration has no platform", nil)
	}
	tag := strconv.FormatInt(r.Version, 10)
	d.open("entry", "a:etag", `W/"`+tag+`"`, "xmlns", nsAtom, "xmlns:a", nsMetadata)
	writeAtomHead(d, base+"/registrations/"+r.ID, r.ID, r.UpdatedAt, r.UpdatedAt)
	d.open("content", "type", "application/xml")
	writeDescription(d, r, p)
	d.close("content")
	d.close("entry")
	return nil
}

// writeAtomHead writes what every entry begins with.
func writeAtomHead(d *document, address, title string, published, updated time.Time) {
	d.put("id", address+"?api-version="+apiVersion)
	d.put("title", title, "type", "text")
	d.put("published", published.UTC().Format(time.RFC3339))
	d.put("updated", updated.UTC().Format(time.RFC3339))
	d.open("link", "rel", "self", "href", address+"?api-version="+apiVersion)
	d.close("link")
}

// writeDescription writes the description itself, its elements in the reference's order.
func writeDescription(d *document, r hub.Registration, p *platform) {
	s := readSaid(r.Extra)
	name := p.form
	if r.Template != nil {
		name += "Template"
	}
	name += descriptionSuffix
	d.open(name, "xmlns", nsConnect, "xmlns:i", nsInstance)
	d.put("ETag", strconv.FormatInt(r.Version, 10))
	d.put("ExpirationTime", expiration(r.ExpiresAt))
	d.put("RegistrationId", r.ID)
	d.maybe("Tags", strings.Join(answerTags(r, s), ","))
	if len(s.Variables) > 0 {
		text, _ := json.Marshal(s.Variables) // texts alone: it cannot fail
		d.put("PushVariables", string(text))
	}
	writeAddress(d, r, s, p)
	if r.Template != nil {
		writeTemplate(d, r, s, p)
	}
	d.close(name)
}

// answerTags are the tags as written, and those the reference shows of an installation.
func answerTags(r hub.Registration, s said) []string {
	tags, userSaid := s.answer(r.Tags, r.User)
	if r.Installation != "" {
		tags = append(tags, "$InstallationId:{"+r.Installation+reservedClosing)
	}
	if r.User != "" && !userSaid {
		tags = append(tags, "$UserId:{"+r.User+reservedClosing)
	}
	return tags
}

func writeAddress(d *document, r hub.Registration, s said, p *platform) {
	handle := r.Handle
	if strings.EqualFold(s.Handle, handle) {
		handle = s.Handle
	} else if p.form == "Apple" {
		handle = strings.ToUpper(handle)
	}
	switch p.form {
	case "Baidu":
		user, channel, _ := strings.Cut(r.Handle, "-")
		if s.BaiduUser != "" && s.Handle != "" {
			user, channel = s.BaiduUser, s.Handle
		}
		d.put("BaiduUserId", user)
		d.put("BaiduChannelId", channel)
	case "Browser":
		d.put("Endpoint", handle)
		d.put("P256DH", r.P256dh)
		d.put("Auth", r.Auth)
	default:
		d.put(p.handle, handle)
	}
}

func writeTemplate(d *document, r hub.Registration, s said, p *platform) {
	b := s.Templates[r.TemplateName]
	d.put("BodyTemplate", b.text(string(r.Template.Body)))
	headers := b.Headers
	if headers == nil && s.Form == "" {
		headers = r.Template.Headers // it came through Usher's own API
	}
	if p.headers != "" && len(headers) > 0 {
		d.open(p.headers)
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			d.open(strings.TrimSuffix(p.headers, "s"))
			d.put("Header", name)
			d.put("Value", headers[name])
			d.close(strings.TrimSuffix(p.headers, "s"))
		}
		d.close(p.headers)
	}
	d.maybe("Expiry", b.Expiry)
	d.maybe("Priority", b.Priority)
	d.maybe("TemplateName", r.TemplateName)
}

// writeFeed writes a page of registrations.
func writeFeed(list []hub.Registration, base string, now time.Time) (string, error) {
	var d document
	d.open("feed", "xmlns", nsAtom)
	d.put("title", "registrations", "type", "text")
	d.put("id", base+"/registrations")
	d.put("updated", now.UTC().Format(time.RFC3339))
	d.open("link", "rel", "self", "href", base+"/registrations")
	d.close("link")
	for _, r := range list {
		if err := writeEntry(&d, r, base); err != nil {
			return "", err
		}
	}
	d.close("feed")
	return d.String(), nil
}

// unchanged is the condition that If-Match states: a version, or "*" for any. It is
// met only by a registration that is there. Without the header there is none.
func unchanged(header string) func(current *hub.Registration) error {
	if header == "" {
		return nil
	}
	tag := strings.Trim(strings.TrimPrefix(strings.TrimSpace(header), "W/"), `"`)
	return func(current *hub.Registration) error {
		if current == nil {
			return fault.E("azure.Registration", fault.NotFound, "Registration was not found on the notification hub.", nil)
		}
		if tag != "*" && tag != strconv.FormatInt(current.Version, 10) {
			return stale(current.Version)
		}
		return nil
	}
}

// stale is the fault of an ETag that is no longer the current one.
func stale(current int64) error {
	return &preconditionError{fault.E("azure.Registration", fault.Conflict,
		fmt.Sprintf("The ETag does not match: the registration is at version %d.", current), nil).WithFix("read it again and repeat the change with its new ETag")}
}

// preconditionError is answered with 412.
type preconditionError struct{ fault error }

// Error is the fault's.
func (p *preconditionError) Error() string { return p.fault.Error() }

// Unwrap gives the fault.
func (p *preconditionError) Unwrap() error { return p.fault }
