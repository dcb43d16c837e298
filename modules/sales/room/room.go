// Package room is the arithmetic of a waiting room: who stands where, and for how long.
package room

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"time"
)

// Place is where number stands, from 1: those who came before the doors opened
// (the first drawn numbers) stand in an order drawn by lot, the others behind
// them as they came. number is from 1. The seed must be secret, and one for an event.
func Place(number, drawn uint64, seed []byte) uint64 {
	if number == 0 || number > drawn {
		return number
	}
	return Permute(number-1, drawn, seed) + 1
}

// Permute is a permutation of 0 … count-1, determined by seed: a Feistel network
// over the next even number of bits, walked until it lands inside.
// Source: Black and Rogaway, Ciphers with Arbitrary Finite Domains (2002), cycle walking.
func Permute(x, count uint64, seed []byte) uint64 {
	if x >= count || count < 2 {
		return x
	}
	half := uint(bits.Len64(count-1)+1) / 2
	for {
		if x = feistel(x, half, seed); x < count {
			return x
		}
	}
}

const rounds = 6

func feistel(x uint64, half uint, seed []byte) uint64 {
	mask := uint64(1)<<half - 1
	left, right := x>>half, x&mask
	for r := range byte(rounds) {
		left, right = right, left^(mix(seed, r, right)&mask)
	}
	return left<<half | right
}

func mix(seed []byte, round byte, half uint64) uint64 {
	h := hmac.New(sha256.New, seed)
	h.Write(binary.BigEndian.AppendUint64([]byte{round}, half))
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// Wait is how long place still waits when so many are admitted at rate a second;
// 0 when it is in. before is what is left until the doors open.
func Wait(place uint64, admitted, rate float64, before time.Duration) time.Duration {
	ahead := float64(place) - admitted
	if before <= 0 && ahead <= 0 {
		return 0
	}
	return max(before, 0) + time.Duration(max(ahead, 0)/max(rate, 0.1)*float64(time.Second))
}

// Ask is when somebody who still waits that long should ask again: soon when it
// will be his turn, rarely when it is far, and never all at once, as spread
// (0 … 1, the visitor's own) moves it by up to a fifth.
func Ask(wait time.Duration, spread float64) time.Duration {
	next := min(max(wait/4, 2*time.Second), 30*time.Second)
	return next + time.Duration(spread*float64(next)/5)
}
