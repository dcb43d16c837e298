package app

import (
	"context"
	"fmt"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/sales"
)

// checkSales compares what is counted as sold with the tickets: in the configured
// database, or in the built-in one while usher runs. It starts nothing.
func checkSales(ctx context.Context, cfg Config) (string, error) {
	return inDatabase(ctx, cfg, booksIn)
}

func booksIn(ctx context.Context, d *db.DB) (string, error) {
	there, err := sales.HasBooks(ctx, d)
	if err != nil || !there {
		return "not looked at: the database has no sales yet; start usher, then ask again", err
	}
	b, err := sales.CheckBooks(ctx, d)
	if err != nil {
		return "", err
	}
	if !b.OK() {
		return "", fault.E("app.Doctor", fault.Conflict, fmt.Sprintf("%d %s not agree with tickets and carts; %s", b.Wrong, plural(b.Wrong, "count does", "counts do"), b.Some[0]), nil).
			WithFix("pause the event, compare its orders with the payments, and correct the wrong side by hand; nothing is mended by itself")
	}
	return fmt.Sprintf("%d %s and every count of what is sold and held agree", b.Orders, plural(b.Orders, "order", "orders")), nil
}

// checkPayment warns of events that cost money while nobody can pay.
func checkPayment(ctx context.Context, cfg Config) (string, error) {
	return inDatabase(ctx, cfg, func(ctx context.Context, d *db.DB) (string, error) {
		there, err := sales.HasBooks(ctx, d)
		if err != nil || !there {
			return "not looked at: the database has no sales yet; start usher, then ask again", err
		}
		p, err := sales.CheckPayable(ctx, cfg.Sales.Payment, d)
		if err != nil {
			return "", err
		}
		if n := len(p.Unpaid); n > 0 {
			return "", warning("app.Doctor", fmt.Sprintf("nobody can pay for %d %s, such as %s: the shop sells only what is free", n, plural(n, "event", "events"), p.Unpaid[0]),
				"set sales.payment.door, .transfer or .stripe (docs/sales.md) and start usher again")
		}
		if len(p.Live) == 0 {
			return "no way to pay is set up, and no event to come asks for one", nil
		}
		return fmt.Sprintf("buyers pay by %v", p.Live), nil
	})
}
