package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// shopSchema makes the shop's tables, which are like ours with all their indexes, and a
// category for it to sell.
func shopSchema(ctx context.Context, url string, capacity int) (c concert, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return c, err
	}
	defer conn.Close(ctx)
	for _, sql := range []string{`DROP SCHEMA IF EXISTS shop CASCADE`, `CREATE SCHEMA shop`, `CREATE TABLE shop.stock (LIKE sales.stock INCLUDING ALL)`,
		`CREATE TABLE shop.orders (LIKE sales.orders INCLUDING ALL)`, `CREATE TABLE shop.ticket (LIKE sales.ticket INCLUDING ALL)`} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return c, err
		}
	}
	c = concert{Event: id.New().String(), Category: id.New().String()}
	_, err = conn.Exec(ctx, `INSERT INTO shop.stock (id, event, capacity) VALUES ($1, $2, $3)`, c.Category, c.Event, capacity)
	return c, err
}

type (
	shopStock struct {
		ID    string `gorm:"primaryKey"`
		Event string
		Sold  int
		Held  int
	}
	shopPlaced struct {
		ID         string          `gorm:"primaryKey" json:"id"`
		Event      string          `json:"event"`
		RepeatKey  []byte          `json:"-"`
		BodyHash   []byte          `json:"-"`
		Qty        int             `json:"qty"`
		TotalMinor int64           `json:"total_minor"`
		Currency   string          `json:"currency"`
		Buyer      json.RawMessage `json:"buyer"`
		CreatedAt  time.Time       `json:"created_at"`
	}
	shopTicket struct {
		OrderID   string `gorm:"primaryKey"`
		N         int    `gorm:"primaryKey"`
		Category  string
		UnitMinor int64
	}
)

func (shopStock) TableName() string  { return "shop.stock" }
func (shopPlaced) TableName() string { return "shop.orders" }
func (shopTicket) TableName() string { return "shop.ticket" }

type shop struct{ orm *gorm.DB }

func openShop(url string) (*shop, error) {
	orm, err := gorm.Open(postgres.Open(url), &gorm.Config{TranslateError: true, Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	pool, err := orm.DB()
	if err != nil {
		return nil, err
	}
	n := int(db.Defaults().MaxConns)
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	return &shop{orm}, nil
}

const shopPrice = 4900

// place sells in one transaction. The stock comes last, as it does with us, so that
// its row is locked for as short a time as such code allows.
func (s *shop) place(ctx context.Context, in shopOrder, key string) (o shopPlaced, err error) {
	body, err := json.Marshal(in)
	if err != nil || len(in.Lines) != 1 {
		return o, errors.Join(err, errors.New("an order has one line"))
	}
	line, hash, keyHash := in.Lines[0], sha256.Sum256(body), sha256.Sum256([]byte(key))
	o = shopPlaced{ID: id.New().String(), Event: in.Event, RepeatKey: keyHash[:16], BodyHash: hash[:16], Qty: line.Qty, TotalMinor: int64(shopPrice * line.Qty), Currency: "EUR", Buyer: in.Buyer, CreatedAt: time.Now()}
	err = s.orm.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		var earlier shopPlaced
		switch err := tx.Where("repeat_key = ?", o.RepeatKey).Take(&earlier).Error; {
		case err == nil && string(earlier.BodyHash) != string(o.BodyHash):
			return errReused
		case err == nil:
			o = earlier
			return nil
		case !errors.Is(err, gorm.ErrRecordNotFound):
			return err
		}
		if err := tx.Create(&o).Error; err != nil {
			return err
		}
		tickets := make([]shopTicket, line.Qty)
		for i := range tickets {
			tickets[i] = shopTicket{OrderID: o.ID, N: i + 1, Category: line.Category, UnitMinor: shopPrice}
		}
		if err := tx.Create(&tickets).Error; err != nil {
			return err
		}
		changed := tx.Model(&shopStock{}).Where("id = ? AND sold + held + ? <= capacity", line.Category, line.Qty).Update("sold", gorm.Expr("sold + ?", line.Qty))
		if changed.Error == nil && changed.RowsAffected == 0 {
			return errSoldOut
		}
		return changed.Error
	})
	return o, err
}
