package backup

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Kinds of frames.
const (
	frameHeader = 'H'
	frameTable  = 'T'
	frameData   = 'D'
	frameEnd    = 'E'
	frameLast   = 'Z'
)

const (
	magic    = "usher backup\n"
	maxPiece = 64 << 10 // bytes of rows in a frame
	maxFrame = 64 << 20 // a reader takes no larger one
)

// frames writes frames and sums up what it has written.
type frames struct {
	out   *gzip.Writer
	sum   hash.Hash
	bytes int64
}

func newFrames(out io.Writer) (*frames, error) {
	z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	f := &frames{out: z, sum: sha256.New()}
	return f, f.raw([]byte(magic))
}

func (f *frames) raw(b []byte) error {
	f.sum.Write(b)
	f.bytes += int64(len(b))
	_, err := f.out.Write(b)
	return err
}

func (f *frames) write(kind byte, b []byte) error {
	head := [5]byte{kind}
	binary.BigEndian.PutUint32(head[1:], uint32(len(b)))
	if err := f.raw(head[:]); err != nil {
		return err
	}
	return f.raw(b)
}

func (f *frames) tell(kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return f.write(kind, b)
}

// last writes the sum of everything before it and closes the file.
func (f *frames) last(s Sum) error {
	s.Bytes, s.SHA256 = f.bytes, hex.EncodeToString(f.sum.Sum(nil))
	return errors.Join(f.tell(frameLast, s), f.out.Close())
}

// rows passes a table's rows on and sums them up. Each row ends with a newline; one
// inside a value is written as \n by COPY.
type rows struct {
	to    io.Writer
	sum   hash.Hash
	count int64
	bytes int64
}

func newRows(to io.Writer) *rows { return &rows{to: to, sum: sha256.New()} }

// Write is io.Writer's.
func (r *rows) Write(b []byte) (int, error) {
	r.sum.Write(b)
	r.bytes += int64(len(b))
	for _, c := range b {
		if c == '\n' {
			r.count++
		}
	}
	return r.to.Write(b)
}

func (r *rows) total() Sum {
	return Sum{Rows: r.count, Bytes: r.bytes, SHA256: hex.EncodeToString(r.sum.Sum(nil))}
}

// pieces puts rows into frames.
type pieces struct{ *frames }

// Write is io.Writer's.
func (p pieces) Write(b []byte) (int, error) { return len(b), p.write(frameData, b) }

// Reader reads a backup from its beginning.
type Reader struct {
	Header Header

	in    *bufio.Reader
	sum   hash.Hash
	bytes int64
}

// Open reads a backup's header. Errors: fault.Invalid when in is none, or one that a
// newer Usher made.
func Open(in io.Reader) (*Reader, error) {
	const op = "backup.Open"
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "this is no backup of Usher", err).WithFix("give the file that `usher backup` wrote")
	}
	r := &Reader{in: bufio.NewReaderSize(z, 256<<10), sum: sha256.New()}
	begin := make([]byte, len(magic))
	if err := r.fill(begin); err != nil || string(begin) != magic {
		return nil, fault.E(op, fault.Invalid, "this is no backup of Usher", err).WithFix("give the file that `usher backup` wrote")
	}
	if err := r.expect(frameHeader, &r.Header); err != nil {
		return nil, err
	}
	if r.Header.Format < 1 || r.Header.Format > format {
		return nil, fault.E(op, fault.Invalid, fmt.Sprintf("the backup has format %d, this Usher knows %d", r.Header.Format, format), nil).
			WithFix("restore it with the Usher that made it, " + r.Header.Usher + ", or a newer one")
	}
	return r, nil
}

func (r *Reader) fill(b []byte) error {
	if _, err := io.ReadFull(r.in, b); err != nil {
		return broken("it ends too early, or was changed", err)
	}
	r.sum.Write(b)
	r.bytes += int64(len(b))
	return nil
}

// next reads a frame. into is used again if it is large enough.
func (r *Reader) next(into []byte) (kind byte, b []byte, err error) {
	var head [5]byte
	if err := r.fill(head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, broken("a part of it has no sensible length", nil)
	}
	if int(n) > cap(into) {
		into = make([]byte, n)
	}
	return head[0], into[:n], r.fill(into[:n])
}

// expect reads a frame of JSON.
func (r *Reader) expect(kind byte, v any) error {
	got, b, err := r.next(nil)
	if err != nil {
		return err
	}
	if got != kind {
		return broken(fmt.Sprintf("it has %q where %q belongs", got, kind), nil)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return broken("a part of it is not readable", err)
	}
	return nil
}

// end reads the last frame and compares it with what was read.
func (r *Reader) end(tables int, count int64) error {
	sum, size := hex.EncodeToString(r.sum.Sum(nil)), r.bytes
	var s Sum
	if err := r.expect(frameLast, &s); err != nil {
		return err
	}
	if s.SHA256 != sum || s.Bytes != size || s.Tables != tables || s.Rows != count {
		return broken("its sum is wrong", nil)
	}
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) { // reads gzip's own sum too
		return broken("there is something behind its end", err)
	}
	return nil
}

func broken(how string, cause error) error {
	return fault.E("backup.Read", fault.Invalid, "the backup is damaged: "+how, cause).WithFix("use another copy of it, or an older backup")
}
