package h2

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
)

// A Form is what requests of one kind share: everything but the path, the body and
// the fields left blank. A library draws the request up once; filling in the blanks
// costs a fraction of drawing it up again (docs/adr/0035). Safe for concurrent use.
type Form struct {
	address   string // host:port
	method    string
	authority string
	constant  []hpack.HeaderField
	literals  []byte  // fields that must not be indexed, encoded
	blanks    []field // in the order that Blanks are given
	listSize  int
}

// NewForm takes the form of a request, with at most MaxBlanks blanks for the named fields,
// whose values in req do not count. It neither reads nor closes req's body.
//
// Errors: as RoundTrip's for a request that cannot be sent.
func NewForm(req *http.Request, blanks ...string) (*Form, error) {
	if len(blanks) > MaxBlanks {
		return nil, fmt.Errorf("h2: a form with %d blanks, at most %d are possible", len(blanks), MaxBlanks)
	}
	header := req.Header.Clone()
	f := &Form{}
	for _, name := range blanks {
		header.Del(name)
		f.blanks = append(f.blanks, fieldOf(name))
	}
	bare := *req
	bare.Header = header
	var r request
	if err := r.drawUp(&bare); err != nil {
		return nil, err
	}
	f.address, f.method, f.authority = hostPort(req.URL), r.method, r.authority
	f.constant, f.literals = r.constant, r.literals
	f.listSize = r.listSize
	return f, nil
}

// MaxBlanks is how many fields a form may leave blank.
const MaxBlanks = 4

// Filling is what a Form leaves open.
type Filling struct {
	Path   string            // with the query, if any
	Blanks [MaxBlanks]string // values of the form's blanks, in their order; "": the field is left out
	Body   []byte            // read until Send or Wait returns, and not kept
}

// Answer is a whole answer. It is the caller's.
type Answer struct {
	Status int
	Fields []hpack.HeaderField // names in lower case; of an answer 200 they may be left out
	Body   []byte              // at most Config.MaxBody
	Cut    error               // why the body is not whole
}

// Field is the value of the first field with that name, in lower case; "" if there is none.
func (a *Answer) Field(name string) string {
	for i := range a.Fields {
		if a.Fields[i].Name == name {
			return a.Fields[i].Value
		}
	}
	return ""
}

// Header is the answer's fields as net/http has them.
func (a *Answer) Header() http.Header { return header(a.Fields) }

// Send sends a form filled in, and returns the whole answer. It costs least when calls
// that follow one another share a context. Errors: as RoundTrip's.
func (t *Transport) Send(ctx context.Context, f *Form, filling Filling) (Answer, error) {
	p, err := t.Begin(ctx, f, filling)
	if err != nil {
		return Answer{}, err
	}
	return p.Wait()
}

// Begin begins to send a form filled in, and does not wait for the answer.
func (t *Transport) Begin(ctx context.Context, f *Form, filling Filling) (Pending, error) {
	st := streams.Get().(*stream)
	err := st.fill(f, filling)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = t.submit(f.address, st, ctx)
	}
	if err != nil {
		st.release()
		return Pending{}, err
	}
	return Pending{st}, nil
}

// Pending is what Begin has begun. Its filling's body is read until Wait returns.
type Pending struct{ st *stream }

// Wait waits for the answer; it must be called, and once.
func (p Pending) Wait() (Answer, error) {
	st := p.st
	defer st.release()
	if <-st.done; st.err != nil {
		return Answer{}, st.err
	}
	a := Answer{Status: st.status, Fields: st.fields, Body: st.data, Cut: st.cut}
	st.fields = nil
	return a, nil
}

// fill makes the request of a form and what it leaves open.
func (r *request) fill(f *Form, filling Filling) error {
	if len(filling.Body) > MaxRequest {
		return fmt.Errorf("h2: the request's body is %d bytes, at most %d are sent", len(filling.Body), MaxRequest)
	}
	if filling.Path == "" || filling.Path[0] != '/' || !httpguts.ValidHeaderFieldValue(filling.Path) {
		return fmt.Errorf("h2: %q is not a path", filling.Path)
	}
	r.form, r.method, r.authority, r.listSize = f, f.method, f.authority, f.listSize
	r.constant, r.body = f.constant, filling.Body
	r.path = r.literal(r.path[:0], fieldPath, filling.Path)
	r.literals = append(r.literals, f.literals...)
	r.literals = r.literal(r.literals, fieldLength, strconv.Itoa(len(filling.Body)))
	for i := range f.blanks {
		value := filling.Blanks[i]
		if value == "" {
			continue
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return fmt.Errorf("h2: the value of header field %q has characters that it may not have", f.blanks[i].name)
		}
		r.literals = r.literal(r.literals, f.blanks[i], value)
	}
	return nil
}

// imprint is how a form was last encoded on a connection. As long as the header table is
// what it was then, it is encoded so again.
type imprint struct {
	form   *Form
	table  uint64 // changes of the table, so far
	pseudo []byte // :method, :scheme and :authority
	fields []byte // the constant ones
}

// reprint writes a filled form as it was encoded before, and reports whether it could.
// The caller holds mu.
func (c *conn) reprint(r *request) bool {
	p := &c.printed
	if r.form == nil || p.form != r.form || p.table != c.table {
		return false
	}
	c.block.Write(p.pseudo)
	c.block.Write(r.path)
	c.block.Write(p.fields)
	c.block.Write(r.literals)
	return true
}

// keepPrint keeps the parts of a form's block. The caller holds mu, and knows that the
// table did not change while they were written.
func (c *conn) keepPrint(f *Form, pseudo, fields []byte) {
	p := &c.printed
	p.form, p.table = f, c.table
	p.pseudo, p.fields = append(p.pseudo[:0], pseudo...), append(p.fields[:0], fields...)
}
