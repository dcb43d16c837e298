package pushtest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

var errRecord = errors.New("not an aes128gcm record for this subscription")

// decrypt opens a message as the browser does (RFC 8291, RFC 8188): one record.
func decrypt(sub *subscriber, body []byte) ([]byte, error) {
	if len(body) < 21 || len(body) < 21+int(body[20]) {
		return nil, errRecord
	}
	salt, size, senderRaw := body[:16], binary.BigEndian.Uint32(body[16:20]), body[21:21+int(body[20])]
	record := body[21+int(body[20]):]
	sender, err := ecdh.P256().NewPublicKey(senderRaw)
	if err != nil || size < 18 || len(record) > int(size) {
		return nil, errRecord
	}
	gcm, nonce, err := contentKey(sub, sender, salt)
	if err != nil {
		return nil, err
	}
	padded, err := gcm.Open(nil, nonce, record, nil)
	if err != nil {
		return nil, errRecord
	}
	padded = bytes.TrimRight(padded, "\x00")
	if len(padded) == 0 || padded[len(padded)-1] != 2 { // the last record's delimiter
		return nil, errRecord
	}
	return padded[:len(padded)-1], nil
}

// contentKey derives the record's cipher and nonce (RFC 8291, 3.4; RFC 8188, 2.2).
func contentKey(sub *subscriber, sender *ecdh.PublicKey, salt []byte) (gcm cipher.AEAD, nonce []byte, err error) {
	shared, err := sub.key.ECDH(sender)
	if err != nil {
		return nil, nil, errRecord
	}
	info := "WebPush: info\x00" + string(sub.key.PublicKey().Bytes()) + string(sender.Bytes())
	ikm, err := hkdf.Key(sha256.New, shared, sub.auth, info, 32)
	if err != nil {
		return nil, nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, nil, err
	}
	nonce, err = hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	gcm, err = cipher.NewGCM(block)
	return gcm, nonce, err
}
