package pushtest

import (
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/hub/push"
)

// keyPairs is how many key pairs all Web Push subscriptions share.
const keyPairs = 64

// subscriber is the browser's half of a subscription.
type subscriber struct {
	key         *ecdh.PrivateKey
	auth        []byte
	p256dh, sec string // as the browser hands them out
}

// subscribers derives the shared key pairs; the same in every process.
func subscribers() ([]subscriber, error) {
	all := make([]subscriber, keyPairs)
	for i := range all {
		seed := sha256.Sum256([]byte("usher pushtest subscriber " + strconv.Itoa(i)))
		key, err := ecdh.P256().NewPrivateKey(seed[:])
		if err != nil {
			return nil, fmt.Errorf("pushtest: subscriber key %d: %w", i, err)
		}
		auth := sha256.Sum256(seed[:])
		all[i] = subscriber{
			key: key, auth: auth[:16],
			p256dh: base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()),
			sec:    base64.RawURLEncoding.EncodeToString(auth[:16]),
		}
	}
	return all, nil
}

// Handle makes the nth handle of a service: the same one each time, unlike
// every other n ≥ 0, and cheap to make by the million. prefix is one of
// Prefixes, or "" for a handle whose messages are accepted.
func (s *Services) Handle(service push.Service, n int, prefix string) push.Handle {
	id := uniqueHex(n)
	switch service {
	case push.APNs:
		if prefix == "" {
			prefix = "0b5e55ed"
		}
		return push.Handle{Kind: "apns", Value: prefix + (id + id + id + id)[len(prefix):64]}
	case push.FCM:
		return push.Handle{Kind: "fcm_token", Value: prefix + "c" + id + ":APA91b" + id}
	}
	if prefix == "" {
		prefix = "/push/"
	}
	sub := s.webpush.subscriberOf(id)
	return push.Handle{Kind: "webpush", Value: s.WebPushOrigin() + prefix + id, P256dh: sub.p256dh, Auth: sub.sec}
}

// uniqueHex spreads n over 16 hex digits by an invertible step (SplitMix64),
// so that handles look random and never repeat.
func uniqueHex(n int) string {
	z := uint64(n) + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], z)
	return hex.EncodeToString(b[:])
}

// subscriberOf finds the keys behind the last part of an endpoint's path.
func (w *webPush) subscriberOf(path string) *subscriber {
	id := path[strings.LastIndexByte(path, '/')+1:]
	var sum byte
	for i := range len(id) {
		sum += id[i]
	}
	return &w.subscribers[sum%keyPairs]
}
