package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

const (
	sizeGoal  = 60e6
	startGoal = 3 * time.Second
	idleGoal  = 150e6
	idleFor   = 5 * time.Second
)

// start is scenario H. It comes first: usher has just started on nothing.
func (b *bench) start(ctx context.Context) error {
	info, err := os.Stat(b.options.usher)
	if err != nil {
		return err
	}
	b.result.add("the binary (static, pages and assets inside)", megabytes(info.Size()), "≤ "+megabytes(sizeGoal), verdictOf(info.Size() <= sizeGoal))
	b.result.add("cold start to the first page", fmt.Sprintf("%.2f s", b.page.Seconds()), "≤ "+startGoal.String(), verdictOf(b.page <= startGoal))
	if err := wait(ctx, idleFor); err != nil {
		return err
	}
	own, database := proportional(b.pid()), b.databaseMemory()
	b.result.add("idle memory (PSS) of usher + PostgreSQL", fmt.Sprintf("%s + %s = %s", megabytes(own), megabytes(database), megabytes(own+database)),
		"≤ "+megabytes(idleGoal), verdictOf(own+database <= idleGoal))
	if err := b.restart(ctx); err != nil {
		return err
	}
	b.result.tell("start on existing data to the first page", "%.2f s", b.page.Seconds())
	return nil
}

// databaseMemory adds up the processes of the built-in PostgreSQL.
func (b *bench) databaseMemory() int64 {
	postmaster, _ := b.postmaster()
	sum := proportional(postmaster)
	for _, pid := range childrenOf(postmaster) {
		sum += proportional(pid)
	}
	return sum
}
