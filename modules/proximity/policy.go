package proximity

import (
	"context"
	"math/rand/v2"

	"github.com/usherhq/usher/modules/kernel/db"
)

// A chooser picks one of a person's offers, or none (-1), and says with which propensity.
type chooser interface {
	name() string
	choose(x situation, offers []*Offer) (pick int, propensity float64)
}

// uniform gives every action the same chance: what is learnt from is unbiased.
type uniform struct{}

func (uniform) name() string { return "uniform" }

func (uniform) choose(_ situation, offers []*Offer) (int, float64) {
	return rand.IntN(len(offers)), 1 / float64(len(offers))
}

// activePolicy is the one that decides.
func (s *Service) activePolicy(*db.Tx) (chooser, error) { return uniform{}, nil }

// policyView is what the page of offers says of the policies.
type policyView struct{ Active, Words string }

func (s *Service) policyView(context.Context) (policyView, error) {
	return policyView{"uniform", "It gives each of a person’s offers the same chance."}, nil
}
