package hub

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/sheet"
)

// drain reads all lines and checks what every reader promises: an installation or a
// fault of the caller's, lines that never go back, an end.
func drain(t *testing.T, lines lineReader, input []byte) {
	t.Helper()
	last := int64(0)
	for range len(input) + 2 {
		in, line, err := lines.next()
		if in == nil && err == io.EOF {
			if lines.bytes() != int64(len(input)) {
				t.Errorf("%d of %d bytes were read", lines.bytes(), len(input))
			}
			return
		}
		if (in == nil) == (err == nil) || err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatalf("line %d: %v, %v", line, in, err)
		}
		if line < last || line > int64(bytes.Count(input, []byte("\n"))+1) {
			t.Fatalf("line %d after line %d", line, last)
		}
		if last = line; in != nil {
			_ = in.validate(validZone)
		}
	}
	t.Fatal("the input does not end")
}

func FuzzNDJSON(f *testing.F) {
	f.Add([]byte(oddLines()))
	f.Add([]byte("{\"id\":\"a\"}\r\n\n{}\n[]\nnull\n{\"tags\":1}\n{\"quiet\":{\"from\":1}}"))
	f.Add([]byte(`{"id":"a","templates":{"t":{"body":"$(x"}},"attributes":{"a":null,"b":1e999}}`))
	f.Fuzz(func(t *testing.T, input []byte) {
		lines, err := newLines(NDJSON, bytes.NewReader(input))
		if err != nil {
			t.Fatal(err)
		}
		drain(t, lines, input)
	})
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("id,kind,handle,attributes\na,fcm_token,1,\"{\"\"n\"\":\n1}\"\r\n\nb,\"c\n"))
	f.Add([]byte("id,kind,handle\n\"\n\"\"\na\"b,c,d\n'=1,x,y"))
	f.Fuzz(func(t *testing.T, input []byte) {
		lines, err := newLines(CSV, bytes.NewReader(input))
		if err != nil {
			return
		}
		drain(t, lines, input)
	})
}

// FuzzSplitCSV holds the splitter against encoding/csv: what we write and what it
// writes is read back the same by both.
func FuzzSplitCSV(f *testing.F) {
	f.Add("a", `b"c`, "d\ne", "'=x")
	f.Add("", " ", ",", "\r\n")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		cells := []string{a, b, c, d}
		var buf bytes.Buffer
		w := csv.NewWriter(&buf)
		if w.Write(cells); w.Error() != nil {
			t.Skip()
		}
		w.Flush()
		ours, err := splitCSV(buf.Bytes(), nil)
		if !utf8.Valid(buf.Bytes()) {
			if err == nil {
				t.Fatal("took what is not UTF-8")
			}
			return
		}
		theirs, theirErr := csv.NewReader(bytes.NewReader(buf.Bytes())).Read()
		if err != nil || theirErr != nil || !slices.Equal(ours, theirs) {
			t.Fatalf("%q: ours %q %v, encoding/csv %q %v", buf.String(), ours, err, theirs, theirErr)
		}
		for _, s := range cells {
			if got := sheet.Unguard(sheet.Guard(s)); got != s {
				t.Fatalf("%q came back as %q", s, got)
			}
		}
	})
}
