package identity

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// appleSecret is Apple's form of a client secret: a short-lived JWT, signed with
// the key of the developer's account.
// Source: Apple, "Creating a client secret" (Sign in with Apple REST API).
func appleSecret(cfg Provider, now time.Time) (string, error) {
	const op = "identity.appleSecret"
	key, err := applePrivateKey(cfg.ClientSecret)
	if err != nil {
		return "", fault.E(op, fault.Internal, "the key for Apple cannot be used", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{}).WithHeader("kid", cfg.KeyID))
	if err != nil {
		return "", fault.E(op, fault.Internal, "the key for Apple cannot be used", err)
	}
	claims, err := json.Marshal(map[string]any{
		"iss": cfg.TeamID, "sub": cfg.ClientID, "aud": catalogue[kindApple].issuer,
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	})
	if err != nil {
		return "", fault.E(op, fault.Internal, "the secret for Apple cannot be made", err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", fault.E(op, fault.Internal, "the secret for Apple cannot be signed", err)
	}
	return signed.CompactSerialize()
}

func applePrivateKey(text string) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(strings.TrimSpace(text)))
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an elliptic curve key")
	}
	return ec, nil
}
