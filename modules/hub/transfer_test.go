package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// odd is installations whose fields are as awkward as the rules allow.
const odd = `{"id":"=cmd","kind":"fcm_fid","handle":"-1+1=@x","tags":["#a","-b","@c"],"status_reason":"'quoted, \"twice\""}
{"id":"plain","kind":"apns","handle":"%s","topic":"org.example.app","user":"Ana","locale":"de-CH","zone":"Europe/Zurich","currency":"CHF","units":"metric"}
{"id":"full","kind":"fcm_token","handle":"tok","quiet":{"from":"22:00","to":"06:30"},"attributes":{"name":"A, \"B\" = C","n":12345678901234567890,"ok":true},"templates":{"xml":{"body":"<toast>\r\n$(a)</toast>"},"json":{"body":{"aps":{"alert":"$(a)"}},"headers":{"apns-priority":"#(p)"},"tags":["gate","vip"]}},"expires_at":"2031-01-02T03:04:05.000006Z"}
{"id":"dead","kind":"fcm_token","handle":"tok2","status":"retired","status_reason":"Unregistered"}
`

func oddLines() string { return fmt.Sprintf(odd, apnsHandle(1)) }

// without leaves out what an import cannot give back: when things happened.
func without(t *testing.T, lines string) string {
	t.Helper()
	var out []string
	for line := range strings.Lines(lines) {
		var in map[string]any
		if err := json.Unmarshal([]byte(line), &in); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"status_at", "handle_at", "created_at", "updated_at", "version"} {
			delete(in, name)
		}
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return strings.Join(out, "\n")
}

func (d *desk) exported(format string) string {
	d.t.Helper()
	var b bytes.Buffer
	if err := d.Export(d.t.Context(), Selection{App: "festival"}, format, &b); err != nil {
		d.t.Fatal(err)
	}
	return b.String()
}

func TestRoundTrip(t *testing.T) {
	first := newDesk(t, "festival")
	got, err := first.Import(t.Context(), "festival", NDJSON, strings.NewReader(oddLines()), 0, nil)
	if err != nil || got.Accepted != 4 || got.Rejected != 0 {
		t.Fatalf("%+v %v", got, err)
	}
	want := without(t, first.exported(NDJSON))
	if !strings.Contains(want, `"headers":{"apns-priority":"#(p)"},"tags":["gate","vip"]`) {
		t.Errorf("a template's headers and tags were lost: %s", want)
	}
	for _, format := range []string{NDJSON, CSV} {
		file := first.exported(format)
		if again, err := first.Import(t.Context(), "festival", format, strings.NewReader(file), 0, nil); err != nil || again.Unchanged != 4 {
			t.Errorf("%s into the same hub: %+v %v, want nothing changed", format, again, err)
		}
		second := newDesk(t, "festival")
		moved, err := second.Import(t.Context(), "festival", format, strings.NewReader(file), int64(len(file)), nil)
		if err != nil || moved.Accepted != 4 || moved.State != transferDone || moved.ReadBytes != int64(len(file)) {
			t.Fatalf("%s: %+v %v", format, moved, err)
		}
		if have := without(t, second.exported(NDJSON)); have != want {
			t.Errorf("%s came back as\n%s\nwant\n%s", format, have, want)
		}
	}
}

func TestCSVRunsNoFormula(t *testing.T) {
	d := newDesk(t, "festival")
	if _, err := d.Import(t.Context(), "festival", NDJSON, strings.NewReader(oddLines()), 0, nil); err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(strings.TrimSpace(d.exported(CSV)), "\n") {
		cells, err := splitCSV([]byte(line), nil)
		if err != nil || len(cells) != len(csvColumns) {
			t.Fatalf("line %d: %d cells, %v", n, len(cells), err)
		}
		for _, c := range cells {
			if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
				t.Errorf("line %d: a spreadsheet runs %q", n, c)
			}
		}
	}
}

func TestBadLinesNeverStopTheRest(t *testing.T) {
	d := newDesk(t, "festival")
	cases := []struct {
		format, body       string
		accepted, rejected int64
		faults             string // "line field" of each
	}{
		{NDJSON, `{"id":"a","kind":"fcm_token","handle":"1"}
not json

{"id":"b","kind":"fcm_token","handle":"2","tags":["user:x"],"zone":"Mars"}
{"id":"c","kind":"fcm_token","handle":"3","color":"red"}
` + `{"id":"` + strings.Repeat("x", maxLine) + `"}
[1]
{"id":"d","kind":"fcm_token","handle":"4","app":"opera"}
{"id":"e","kind":"fcm_token","handle":"5","status":"lost"}
{"id":"f","kind":"fcm_token","handle":"6"}`, 2, 7, "2 ;4 zone;4 tags[0];5 color;6 ;7 ;8 app;9 status"},
		{CSV, `id,kind,handle,attributes,tags
a2,fcm_token,21,,x y
b2,fcm_token,22
c2,fcm_token,2"3,,
d2,fcm_token,24,"{""name"":",
"e2,fcm_token,25,,
f2,fcm_token,26,"{""name"":
""Ana""}",
g2,carrier,27,,
h2,fcm_token,28,,`, 3, 5, "3 ;4 ;5 attributes;6 ;9 handle"},
	}
	for _, c := range cases {
		got, err := d.Import(t.Context(), "festival", c.format, strings.NewReader(c.body), 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Accepted != c.accepted || got.Rejected != c.rejected {
			t.Errorf("%s: %d accepted, %d rejected, want %d, %d: %+v", c.format, got.Accepted, got.Rejected, c.accepted, c.rejected, got.Faults)
		}
		var lines []string
		for _, f := range got.Faults {
			if lines = append(lines, fmt.Sprintf("%d %s", f.Line, f.Name)); f.Problem == "" || f.Fix == "" {
				t.Errorf("%s line %d: says neither what is wrong nor how to mend it: %+v", c.format, f.Line, f)
			}
		}
		if strings.Join(lines, ";") != c.faults {
			t.Errorf("%s faults %q, want %q", c.format, strings.Join(lines, ";"), c.faults)
		}
	}
}

func TestImportKeepsTheLastOfTwins(t *testing.T) {
	d := newDesk(t, "festival")
	got, err := d.Import(t.Context(), "festival", NDJSON, strings.NewReader(`{"id":"a","kind":"fcm_token","handle":"1"}
{"id":"a","kind":"fcm_token","handle":"2"}
{"id":"b","kind":"fcm_token","handle":"2"}
{"id":"c","kind":"fcm_token","handle":"1"}
`), 0, nil)
	if err != nil || got.Accepted != 4 {
		t.Fatalf("%+v %v", got, err)
	}
	if left := d.all("festival"); fmt.Sprint(left) != "map[b:2 c:1]" {
		t.Errorf("left %v, want b:2 and c:1", left)
	}
}

func TestImportReportsProgressAndFaultsUpToAHundred(t *testing.T) {
	d := newDesk(t, "festival")
	var body strings.Builder
	for i := range importBatch + 1000 {
		fmt.Fprintf(&body, `{"id":"p%d","kind":"fcm_token","handle":"h%d"}`+"\n", i, i)
		if i%10 == 0 {
			body.WriteString("bad\n")
		}
	}
	var heard []Transfer
	got, err := d.Import(t.Context(), "festival", NDJSON, strings.NewReader(body.String()), int64(body.Len()), func(p Transfer) { heard = append(heard, p) })
	if err != nil || got.Accepted != importBatch+1000 || got.Rejected != (importBatch+1000)/10 || len(got.Faults) != importFaults {
		t.Fatalf("%d accepted, %d rejected, %d faults, %v", got.Accepted, got.Rejected, len(got.Faults), err)
	}
	if len(heard) != 2 || heard[0].Accepted != importBatch || heard[0].State != transferRunning || heard[0].ReadBytes >= heard[1].ReadBytes {
		t.Errorf("heard of %+v", heard)
	}
	stored, err := d.Transfer(t.Context(), got.ID)
	if err != nil || stored.State != transferDone || stored.Accepted != got.Accepted || len(stored.Faults) != importFaults {
		t.Errorf("stored %+v %v", stored, err)
	}
}

// TestALargeImportIsReadyToBeSentTo: PostgreSQL knows what came, so that the next send is
// cut by the index alone.
func TestALargeImportIsReadyToBeSentTo(t *testing.T) {
	d := newDesk(t, "festival")
	var body strings.Builder
	for i := range importMany {
		fmt.Fprintf(&body, `{"id":"%d","kind":"fcm_token","handle":"h%d"}`+"\n", i, i)
	}
	if got, err := d.Import(t.Context(), "festival", NDJSON, strings.NewReader(body.String()), 0, nil); err != nil || got.Accepted != importMany {
		t.Fatal(got.Accepted, err)
	}
	var vacuumed, analyzed bool
	err := d.db.Pool().QueryRow(t.Context(), `SELECT last_vacuum IS NOT NULL, last_analyze IS NOT NULL FROM pg_stat_user_tables
		WHERE relid = 'hub.installation'::regclass`).Scan(&vacuumed, &analyzed)
	if err != nil || !vacuumed || !analyzed {
		t.Errorf("vacuumed %t, analyzed %t, %v", vacuumed, analyzed, err)
	}
}

func TestInterruptedImportKeepsWhatItHas(t *testing.T) {
	d := newDesk(t, "festival")
	cut := io.MultiReader(strings.NewReader(`{"id":"a","kind":"fcm_token","handle":"1"}`+"\n"), iotest.ErrReader(errors.New("connection reset")))
	got, err := d.Import(t.Context(), "festival", NDJSON, cut, 0, nil)
	if !fault.Is(err, fault.Transient) || got.State != transferInterrupted || got.Accepted != 1 {
		t.Errorf("%+v %v, want one accepted, then interrupted", got, err)
	}
	if stored, err := d.Transfer(t.Context(), got.ID); err != nil || stored.State != transferInterrupted {
		t.Errorf("stored %+v %v", stored, err)
	}
}

func TestRestartInterruptsTransfers(t *testing.T) {
	d := newDesk(t, "festival")
	left := Transfer{ID: id.New(), App: "festival", Format: CSV, State: transferRunning, CreatedAt: d.clock.Now(), UpdatedAt: d.clock.Now()}
	if err := d.insertTransfer(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	if err := d.interruptTransfers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Transfer(t.Context(), left.ID); err != nil || got.State != transferInterrupted {
		t.Errorf("%+v %v", got, err)
	}
}

func TestTransferAPI(t *testing.T) {
	d := newDesk(t, "festival")
	name := id.New().String()
	d.play(t, []scenario{
		{name: "import", method: "POST", path: "/v1/imports?format=ndjson", header: []string{"X-Transfer-Id", name}, body: oddLines(), status: 200,
			has: []string{name, `"accepted":4`, `"state":"done"`, fmt.Sprintf(`"total_bytes":%d`, len(oddLines()))}},
		{name: "the id is taken", method: "POST", path: "/v1/imports?id=" + name, body: oddLines(), status: 409},
		{name: "follow", method: "GET", path: "/v1/transfers/" + name, status: 200, has: []string{`"accepted":4`}},
		{name: "list", method: "GET", path: "/v1/transfers", status: 200, has: []string{name}},
		{name: "no such transfer", method: "GET", path: "/v1/transfers/" + id.New().String(), status: 404},
		{name: "no id", method: "GET", path: "/v1/transfers/x", status: 400},
		{name: "no such format", method: "POST", path: "/v1/imports?format=xls", body: "x", status: 400, has: []string{`"field":"format"`}},
		{name: "bad header", method: "POST", path: "/v1/imports?format=csv", body: "id,handle,colour\n", status: 400, has: []string{"colour", "kind"}},
		{name: "no header", method: "POST", path: "/v1/imports?format=csv", status: 400},
		{name: "no such export", method: "GET", path: "/v1/exports/installations?format=xls", status: 400},
	})
	got := d.do("GET", "/v1/exports/installations?format=csv&status=active", "")
	if got.status != 200 || got.header.Get("X-Total-Count") != "3" || strings.Count(strings.TrimSpace(got.body), "\n") != 3 {
		t.Errorf("the export answered %d with %v: %s", got.status, got.header, got.body)
	}
}
