package seal_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/seal"
)

func key(t testing.TB, fill byte) *seal.Key {
	t.Helper()
	k, err := seal.Parse(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, seal.KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealOpens(t *testing.T) {
	k := key(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		context := rapid.SliceOf(rapid.Byte()).Draw(t, "context")
		sealed, err := k.Seal(plain, context)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := k.Seal(plain, context)
		if bytes.Equal(sealed, again) {
			t.Fatal("two envelopes of one secret are equal: the nonce repeats")
		}
		opened, err := k.Open(sealed, context)
		if err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("opened %x, %v; sealed %x", opened, err, plain)
		}
	})
}

func TestOpenRefusesTampering(t *testing.T) {
	k := key(t, 1)
	context := []byte("festival/apns")
	sealed, err := k.Seal([]byte("secret"), context)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		for bit := range 8 {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1 << bit
			if _, err := k.Open(bad, context); !fault.Is(err, fault.Internal) {
				t.Fatalf("byte %d bit %d flipped: opened all the same (%v)", i, bit, err)
			}
		}
		if _, err := k.Open(sealed[:i], context); err == nil {
			t.Fatalf("cut to %d bytes: opened all the same", i)
		}
	}
	if _, err := k.Open(sealed, []byte("festival/fcm")); err == nil {
		t.Error("opened in another context")
	}
	if _, err := key(t, 2).Open(sealed, context); err == nil {
		t.Error("opened under another key")
	}
}

func TestParse(t *testing.T) {
	for _, bad := range []string{"", "abc", "!!", base64.StdEncoding.EncodeToString(make([]byte, 31))} {
		if _, err := seal.Parse(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("Parse(%q) = %v, want invalid", bad, err)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "seal")
	var wg sync.WaitGroup
	keys := make([]*seal.Key, 8)
	for i := range keys {
		wg.Go(func() {
			k, err := seal.Load(path)
			if err != nil {
				t.Error(err)
			}
			keys[i] = k
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	sealed, err := keys[0].Seal([]byte("secret"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range keys {
		if _, err := k.Open(sealed, nil); err != nil {
			t.Errorf("process %d holds another key: %v", i, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v %v, want mode 0600", info, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files are left in the folder, want the key alone", len(left))
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Load(path); !fault.Is(err, fault.Invalid) {
		t.Errorf("a key that others may read: %v, want invalid", err)
	}
}

func TestDeriveFollowsFromKeyAndContext(t *testing.T) {
	first := key(t, 1).Derive("a")
	if len(first) != seal.KeySize || !bytes.Equal(first, key(t, 1).Derive("a")) {
		t.Errorf("%x is not what the same key and context gave before", first)
	}
	for name, other := range map[string][]byte{"another context": key(t, 1).Derive("b"), "another key": key(t, 2).Derive("a")} {
		if bytes.Equal(first, other) {
			t.Errorf("%s gave the same secret", name)
		}
	}
}
