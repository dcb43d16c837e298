package main

import (
	"context"
	"fmt"
	"time"
)

// concert is an event on sale with one category.
type concert struct{ Event, Category string }

var concerts int // made so far, for their slugs

// concert puts one on sale through the API.
func (a api) concert(ctx context.Context, capacity int) (c concert, err error) {
	concerts++
	title := map[string]any{"en": map[string]any{"title": "Concert"}}
	var made struct {
		ID string `json:"id"`
	}
	if err = a.call(ctx, "POST", "/v1/catalogue/events", map[string]any{"slug": fmt.Sprintf("concert-%d-%d", began.Unix(), concerts), "names": title, "locales": []string{"en"},
		"zone": "Europe/Berlin", "currency": "EUR", "starts_at": time.Now().Add(30 * 24 * time.Hour)}, &made); err != nil {
		return c, err
	}
	c.Event = made.ID
	if err = a.call(ctx, "POST", "/v1/catalogue/events/"+c.Event+"/categories", map[string]any{"names": title, "price_minor": 4900, "capacity": capacity, "max_per_order": 10}, &made); err != nil {
		return c, err
	}
	c.Category = made.ID
	return c, a.call(ctx, "PATCH", "/v1/catalogue/events/"+c.Event, map[string]any{"state": "published"}, nil)
}

// order asks for qty tickets at once, as a till does.
func (t concert) order(path string, qty int) func(c *client, i int) error {
	return func(c *client, i int) error {
		return c.post(path, fmt.Sprintf("%s-%d", t.Category, i), fmt.Appendf(nil, `{"event":%q,"lines":[{"category":%q,"qty":%d}],"buyer":{"email":"guest-%d@festival.example"}}`, t.Event, t.Category, qty, i))
	}
}

// pair puts qty tickets into a cart and buys it.
func (t concert) pair(qty int) func(c *client, i int) error {
	return func(c *client, i int) error {
		if err := c.post("/v1/carts", fmt.Sprintf("cart-%s-%d", t.Category, i), fmt.Appendf(nil, `{"event":%q,"lines":[{"category":%q,"qty":%d}]}`, t.Event, t.Category, qty)); err != nil {
			return err
		}
		quote, err := c.text("quote")
		if err != nil {
			return err
		}
		return c.post("/v1/orders", "", fmt.Appendf(nil, `{"quote":%q,"buyer":{"email":"guest-%d@festival.example"}}`, quote, i))
	}
}
