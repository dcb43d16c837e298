package analytics

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/usherhq/usher/modules/kernel/stream"
)

// Formats of an export.
const (
	formatNDJSON  = "ndjson"  // a CloudEvent on each line, as the ingest door takes them
	formatParquet = "parquet" // a row of parquetFact for each fact
)

// rowGroup bounds what a Parquet writer keeps in memory, whichever comes first.
const (
	rowGroupFacts = 50_000
	rowGroupBytes = 16 << 20 // of data, before compression
)

// factWriter writes facts in one format. close completes the file: without it, what
// has been written is not one.
type factWriter interface {
	write(facts []stream.Fact) error
	close() error
}

// Export writes every wanted fact of the log to out in a format, and tells how many.
// Memory is bounded whatever is exported. After an error the file is incomplete.
func (s *Service) Export(ctx context.Context, w stream.Wanted, format string, out io.Writer) (n int64, err error) {
	file := newFactWriter(format, out)
	err = s.stream.Walk(ctx, w, func(facts []stream.Fact) error {
		n += int64(len(facts))
		return file.write(facts)
	})
	if err != nil {
		return n, err
	}
	return n, file.close()
}

func newFactWriter(format string, out io.Writer) factWriter {
	if format == formatParquet {
		return newParquetFacts(out)
	}
	buffer := bufio.NewWriterSize(out, 64<<10)
	lines := json.NewEncoder(buffer)
	lines.SetEscapeHTML(false) // it would make data larger than it may be
	return eventLines{buffer, lines}
}

// eventLine is a fact as a CloudEvent in the JSON format. recordedtime is the
// extension "Recorded Time" of CloudEvents.
type eventLine struct {
	SpecVersion  string          `json:"specversion"`
	ID           string          `json:"id"`
	Source       string          `json:"source"`
	Type         string          `json:"type"`
	Time         time.Time       `json:"time"`
	RecordedTime time.Time       `json:"recordedtime"`
	PartitionKey string          `json:"partitionkey,omitempty"`
	Data         json.RawMessage `json:"data,omitempty"`
}

type eventLines struct {
	buffer *bufio.Writer
	lines  *json.Encoder
}

func (l eventLines) write(facts []stream.Fact) error {
	for _, f := range facts {
		e := eventLine{"1.0", f.SourceID, f.Source, f.Type, f.Time, f.ReceivedAt, f.Key, f.Data}
		if string(e.Data) == "null" {
			e.Data = nil
		}
		if err := l.lines.Encode(e); err != nil {
			return err
		}
	}
	return nil
}

func (l eventLines) close() error { return l.buffer.Flush() }

// parquetFact is a row of a Parquet export; docs/stream.md describes it.
type parquetFact struct {
	ID           string    `parquet:"id"`
	Source       string    `parquet:"source,dict"`
	Type         string    `parquet:"type,dict"`
	PartitionKey string    `parquet:"partitionkey"`
	Time         time.Time `parquet:"time,timestamp(microsecond)"`
	RecordedTime time.Time `parquet:"recordedtime,timestamp(microsecond)"`
	Data         string    `parquet:"data,json"`
}

// parquetSchema is named for those who open the file.
var parquetSchema = parquet.NewSchema("event", parquet.SchemaOf(parquetFact{}))

// parquetFacts ends a row group before it grows past its bounds.
type parquetFacts struct {
	file        *parquet.GenericWriter[parquetFact]
	rows        []parquetFact
	facts, size int // in the row group
}

func newParquetFacts(out io.Writer) *parquetFacts {
	return &parquetFacts{file: parquet.NewGenericWriter[parquetFact](out, parquetSchema, parquet.Compression(&parquet.Zstd))}
}

func (p *parquetFacts) write(facts []stream.Fact) error {
	p.rows = p.rows[:0]
	for _, f := range facts {
		p.rows = append(p.rows, parquetFact{f.SourceID, f.Source, f.Type, f.Key, f.Time, f.ReceivedAt, string(f.Data)})
		p.size += len(f.Data)
	}
	if _, err := p.file.Write(p.rows); err != nil {
		return err
	}
	if p.facts += len(facts); p.facts < rowGroupFacts && p.size < rowGroupBytes {
		return nil
	}
	p.facts, p.size = 0, 0
	return p.file.Flush()
}

func (p *parquetFacts) close() error { return p.file.Close() }
