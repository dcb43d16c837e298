package stream

import (
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
)

// civil is a day in UTC, counted from 2000-01-01 as PostgreSQL does.
type civil int32

func civilOf(t time.Time) civil {
	seconds := t.Unix() - db.Epoch.Unix()
	day := seconds / 86400
	if seconds%86400 < 0 {
		day--
	}
	return civil(day)
}

// String is the day as SQL writes it.
func (d civil) String() string { return db.Epoch.AddDate(0, 0, int(d)).Format(time.DateOnly) }

// copySQL names the columns in copyRow's order. xid and id come from their
// defaults, xid first.
const copySQL = `COPY stream.log (day, partition, type, key, source, source_id, time, received_at, data) FROM STDIN (FORMAT binary)`

// copyFacts writes facts in the fastest way there is. It fails when one of them
// is in the log.
func copyFacts(tx *db.Tx, facts []outside, _ []bool) error {
	c := db.NewCopy(copySQL, 9)
	for i := range facts {
		copyRow(c, &facts[i])
	}
	return tx.Copy(c)
}

func copyRow(c *db.Copy, f *outside) {
	c.Row()
	c.Int4(int32(f.day))
	c.Int2(f.Partition)
	c.Text(f.Type)
	c.Text(f.Key)
	c.Text(f.Source)
	c.Text(f.SourceID)
	c.Time(f.Time)
	c.Time(f.ReceivedAt)
	c.JSON(f.Data)
}
