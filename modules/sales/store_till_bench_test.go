package sales

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/id"
)

// BenchmarkOrder sells single tickets to 256 clients.
func BenchmarkOrder(b *testing.B) {
	for _, qty := range []int{1, 4} {
		b.Run(fmt.Sprintf("qty=%d", qty), func(b *testing.B) {
			h := newHouse(b)
			c := h.category(2_000_000_000)
			var n atomic.Int64
			b.SetParallelism(128)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					key := fmt.Sprint(n.Add(1))
					if _, _, err := h.Order(context.Background(), h.purchase(key, Line{Category: c, Qty: qty, UnitMinor: 100})); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
			h.audit()
		})
	}
}

// BenchmarkHoldConfirm runs pairs.
func BenchmarkHoldConfirm(b *testing.B) {
	h := newHouse(b)
	c := h.category(2_000_000_000)
	b.SetParallelism(128)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p := h.purchase("", Line{Category: c, Qty: 2, UnitMinor: 100})
			cart, _, err := h.Hold(context.Background(), p)
			if err == nil {
				_, _, err = h.Confirm(context.Background(), cart.ID, p)
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
	h.audit()
}

// BenchmarkCopy is the ceiling: the same rows by COPY, 256 orders a transaction.
func BenchmarkCopy(b *testing.B) {
	h := newHouse(b)
	c, key := h.category(1), 0
	conn, err := h.db.Pool().Acquire(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	b.ResetTimer()
	for done := 0; done < b.N; done += 256 {
		var orders, tickets [][]any
		for range 256 {
			key++
			o, k := id.New(), NewRepeatKey(fmt.Sprint(key))
			orders = append(orders, []any{o, h.event, k[:], k[:], 1, 100, "EUR", nil, h.db.Now()})
			tickets = append(tickets, []any{o, 1, c, 100})
		}
		err := pgx.BeginFunc(context.Background(), conn, func(tx pgx.Tx) error {
			_, err := tx.CopyFrom(context.Background(), pgx.Identifier{"sales", "orders"}, []string{"id", "event", "repeat_key", "body_hash", "qty", "total_minor", "currency", "buyer", "created_at"}, pgx.CopyFromRows(orders))
			if err == nil {
				_, err = tx.CopyFrom(context.Background(), pgx.Identifier{"sales", "ticket"}, []string{"order_id", "n", "category", "unit_minor"}, pgx.CopyFromRows(tickets))
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}
