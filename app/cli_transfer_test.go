package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/usherhq/usher/modules/hub"
)

// moves runs export or import against the house.
func (h *house) moves(args ...string) (code int, stdout, stderr string) {
	h.t.Helper()
	var out, errs bytes.Buffer
	code = Main(append([]string{args[0], args[1], "--url", h.url + "/", "--key-secret", h.key, "--data-dir", h.dir}, args[2:]...), nil, &out, &errs)
	return code, out.String(), errs.String()
}

// exported is the file that an export writes.
func (h *house) exported(args ...string) string {
	h.t.Helper()
	file := filepath.Join(h.t.TempDir(), "out")
	code, out, errs := h.moves(append([]string{"export", args[0], file}, args[1:]...)...)
	if code != exitOK || !strings.Contains(out, file+": ") {
		h.t.Fatalf("export %v: %d %s %s", args, code, out, errs)
	}
	return file
}

// timeless are lines of installations without what an import cannot give back, sorted.
func timeless(t *testing.T, file string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var in map[string]any
		if err := json.Unmarshal(line, &in); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"status_at", "handle_at", "created_at", "updated_at", "version"} {
			delete(in, name)
		}
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b))
	}
	slices.Sort(lines)
	return lines
}

const pastDays = "event_id,event_date,on_sale_date,capacity,date,sold,price,genre,city\n" +
	"jazz,2025-06-20,2025-05-01,400,2025-05-01,30,25,jazz,Wien\njazz,2025-06-20,2025-05-01,400,2025-05-03,12,27.5,jazz,Wien\n" +
	"koto,2025-07-20,2025-06-01,100,2025-06-10,100,30,classical,Graz\n"

// What one house exports another takes in, and then exports the same; taken in again, it
// changes nothing.
func TestWhatIsExportedIsImported(t *testing.T) {
	from, to := newHouse(t), newHouse(t)
	from.festival(300)
	to.festival(0)
	want := timeless(t, from.exported("installations"))
	for _, step := range []struct{ format, unchanged string }{{"csv", `"unchanged":0`}, {"ndjson", `"unchanged":300`}} {
		file := from.exported("installations", "--app", "festival", "--format", step.format)
		code, out, errs := to.moves("import", "installations", file, "--app", "festival", "--format", step.format)
		if code != exitOK || !strings.Contains(out, step.unchanged) || !strings.Contains(out, `"rejected":0`) {
			t.Fatalf("%s: %d %s %s", step.format, code, out, errs)
		}
		if have := timeless(t, to.exported("installations")); !slices.Equal(have, want) || len(have) != 300 {
			t.Errorf("%s: %d of %d installations came over as they were", step.format, len(have), len(want))
		}
	}
	past := filepath.Join(t.TempDir(), "past.csv")
	from.must(os.WriteFile(past, []byte(pastDays), 0o600))
	for _, h := range []*house{from, to} {
		if code, out, errs := h.moves("import", "history", past); code != exitOK || !strings.Contains(out, `"state":"done"`) {
			t.Fatal(code, out, errs)
		}
		past = h.exported("history")
	}
	first, _ := os.ReadFile(from.exported("history"))
	second, _ := os.ReadFile(past)
	if !bytes.Equal(first, second) || !strings.Contains(string(first), "2025-05-03,12,27.5") {
		t.Errorf("the history came over as\n%s\nfrom\n%s", second, first)
	}
	if code, out, _ := from.moves("export", "facts", "-", "--type", "hub.app_changed"); code != exitOK || strings.Contains(out, `"type":"x"`) {
		t.Error(code, out)
	}
	if code, out, errs := from.moves("export", "facts", filepath.Join(t.TempDir(), "f"), "--format", "parquet"); code != exitOK {
		t.Error(code, out, errs)
	}
}

// What is refused loses nothing, says what to do, and ends with a code that scripts see.
func TestWhatIsRefusedSaysWhatToDo(t *testing.T) {
	h := newHouse(t)
	h.festival(3)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		h.must(os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	kept := file("kept", "what was here before")
	catalogue := "slug,title,zone,currency,starts_at,category,price,capacity\njazz,Jazz,Europe/Berlin,EUR,2031-06-01 20:00,Floor,25.00,400\n"
	for _, tc := range []struct {
		name string
		args []string
		says []string
	}{
		{"no such file", []string{"import", "installations", dir + "/absent"}, []string{"cannot read " + dir + "/absent", "check the path"}},
		{"a directory", []string{"import", "catalogue", dir}, []string{"is a directory", "name a file in it"}},
		{"another key", []string{"export", "history", dir + "/x", "--key-secret", "usher_nobody"}, []string{"key"}},
		{"nobody there", []string{"export", "history", dir + "/x", "--url", "http://127.0.0.1:1"}, []string{"usher does not answer at http://127.0.0.1:1", "start it, or give --url"}},
		{"no address", []string{"export", "history", dir + "/x", "--url", "tickets example"}, []string{"fix: "}},
		{"a format that is none", []string{"export", "installations", dir + "/x", "--format", "xls"}, []string{`format "xls" is unknown: "ndjson" or "csv"`}},
		{"a time that is none", []string{"export", "facts", dir + "/x", "--from", "yesterday"}, []string{"from is not a time: RFC 3339"}},
		{"a file that exists", []string{"export", "history", kept}, []string{kept + " exists", "--force"}},
		{"nowhere to write", []string{"export", "history", dir + "/no/x"}, []string{"cannot write " + dir + "/no/x", "choose another place"}},
		{"bad lines", []string{"import", "installations", file("some", `{"id":"new","kind":"fcm_token","handle":"n"}`+"\nnot json\n"+`{"id":"b","kind":"pigeon","handle":"2"}`+"\n")},
			[]string{"line 2", "line 3 handle", "usher: 2 lines were not taken; the other 1 are in"}},
		{"a bad header", []string{"import", "installations", file("head", "id,handle,colour\n"), "--format", "csv"}, []string{`column "colour" is unknown`}},
		{"a catalogue with a fault", []string{"import", "catalogue", file("bad", catalogue+"koto,Koto,Asia/Tokyo,JPY,2031-07-01 19:00,Floor,3000.5,100\n")},
			[]string{"nothing of it was kept", "line 3 price"}},
		{"a catalogue without columns", []string{"import", "catalogue", file("none", "a,b\n1,2\n")}, []string{`has an unknown column "a"`}},
		{"a history with a fault", []string{"import", "history", file("past", pastDays+"lost,2025-07-20,2025-06-01,100,2025-06-10,many,30,x,y\n")}, []string{"line 5", "sold"}},
		{"no calendar", []string{"import", "calendar", file("cal", "hello"), "--city", "Wien"}, []string{"line 1"}},
	} {
		code, _, errs := h.moves(tc.args...)
		if code != exitFailed {
			t.Errorf("%s: exit code %d", tc.name, code)
		}
		for _, want := range tc.says {
			if !strings.Contains(errs, want) {
				t.Errorf("%s: no %q in\n%s", tc.name, want, errs)
			}
		}
	}
	if text, _ := os.ReadFile(kept); string(text) != "what was here before" {
		t.Error("a file was written over")
	}
	if left, _ := filepath.Glob(dir + "/x*"); len(left) > 0 {
		t.Errorf("refused exports left %v", left)
	}
	if n := len(timeless(t, h.exported("installations"))); n != 4 {
		t.Errorf("%d installations, want the three and the one sound line", n)
	}
	var events struct{ Items []struct{ Slug string } }
	if h.call("GET", "/v1/catalogue/events", nil, &events); len(events.Items) != 0 {
		t.Errorf("something of a refused catalogue was kept: %+v", events)
	}
	good := file("good", catalogue)
	if code, out, errs := h.moves("import", "catalogue", good, "--dry-run", "true"); code != exitOK || !strings.Contains(out, `"dry_run":true`) {
		t.Error("a dry run:", code, out, errs)
	}
	for i, want := range []int{exitOK, exitFailed} { // its slug is taken the second time
		if code, out, errs := h.moves("import", "catalogue", good); code != want {
			t.Error("import", i+1, code, out, errs)
		}
	}
	if code, out, _ := h.moves("export", "history", kept, "--force"); code != exitOK || !strings.Contains(out, kept) {
		t.Error("--force:", code, out)
	}
}

// An import whose Usher is killed in the middle says so; what was taken in stays, and the
// same file again brings the rest.
func TestAnImportThatBreaksOffIsRunAgain(t *testing.T) {
	h := newHouse(t)
	h.festival(0)
	const phones = 12_000
	var all bytes.Buffer
	for i := range phones {
		fmt.Fprintf(&all, `{"id":"phone-%d","kind":"fcm_token","handle":"token-%d"}`+"\n", i, i)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	h.must(syscall.Mkfifo(pipe, 0o600))
	type ended struct {
		code int
		errs string
	}
	end := make(chan ended, 1)
	go func() {
		code, _, errs := h.moves("import", "installations", pipe)
		end <- ended{code, errs}
	}()
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	h.must(err)
	defer w.Close()
	half := bytes.Join(bytes.SplitAfterN(all.Bytes(), []byte("\n"), phones/2+1)[:phones/2], nil)
	_, err = w.Write(half)
	h.must(err)
	var transfers struct{ Items []hub.Transfer }
	h.eventually("the first lines are in", func() bool {
		h.call("GET", "/v1/transfers?app=festival", nil, &transfers)
		return transfers.Items[0].Accepted >= 5000
	})
	h.killed()
	_ = w.Close()
	if e := <-end; e.code != exitFailed || !strings.Contains(e.errs, "broke off") || !strings.Contains(e.errs, "run it again with the same file") {
		t.Errorf("the interruption: %d %s", e.code, e.errs)
	}
	h.start()
	if h.call("GET", "/v1/transfers?app=festival", nil, &transfers); transfers.Items[0].State != "interrupted" {
		t.Errorf("after the restart it is %s", transfers.Items[0].State)
	}
	file := filepath.Join(t.TempDir(), "all.ndjson")
	h.must(os.WriteFile(file, all.Bytes(), 0o600))
	code, out, errs := h.moves("import", "installations", file)
	var again hub.Transfer
	if err := json.Unmarshal([]byte(out), &again); err != nil || code != exitOK {
		t.Fatal(code, out, errs, err)
	}
	if again.Unchanged < 5000 || again.Accepted+again.Unchanged != phones || again.TotalBytes != int64(all.Len()) {
		t.Errorf("again: %+v", again)
	}
	if n := len(timeless(t, h.exported("installations"))); n != phones {
		t.Errorf("%d installations, want %d", n, phones)
	}
}

// An export that breaks off leaves nothing that passes for a file.
func TestAnExportThatBreaksOffLeavesNoFile(t *testing.T) {
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("a"), 1<<20))
		panic(http.ErrAbortHandler)
	}))
	defer cut.Close()
	file := filepath.Join(t.TempDir(), "facts")
	code, _, errs := usher(t, "export", "facts", file, "--url", cut.URL, "--key-secret", "x")
	if code != exitFailed || !strings.Contains(errs, "broke off") || !strings.Contains(errs, "nothing was written") {
		t.Error(code, errs)
	}
	if left, _ := filepath.Glob(file + "*"); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}
