package hub

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/apns"
	"github.com/usherhq/usher/modules/hub/push/fcm"
	"github.com/usherhq/usher/modules/hub/push/webpush"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// NewSender makes the sender for an opened credential: the JSON of an
// APNsCredential, FCMCredential or WebPushCredential. It is the product's SenderMaker.
// Errors: fault.Invalid when the secret does not fit, fault.Internal.
func NewSender(ctx context.Context, service push.Service, secret []byte, cfg Services) (push.Sender, error) {
	switch service {
	case push.APNs:
		c, err := decodeSecret[APNsCredential](secret)
		if err != nil {
			return nil, err
		}
		return apns.New(apns.Config{Endpoint: cfg.APNsEndpoint, KeyPEM: []byte(c.KeyPEM), KeyID: c.KeyID, TeamID: c.TeamID, Topic: c.Topic,
			Transport: cfg.APNsTransport, Clients: cfg.Connections, RootCAs: cfg.Roots})
	case push.FCM:
		c, err := decodeSecret[FCMCredential](secret)
		if err != nil {
			return nil, err
		}
		return fcm.New(ctx, fcm.Config{ServiceAccountJSON: c.ServiceAccount, Endpoint: cfg.FCMEndpoint,
			Transport: cfg.FCMTransport, Clients: cfg.Connections, RootCAs: cfg.Roots})
	case push.WebPush:
		c, err := decodeSecret[WebPushCredential](secret)
		if err != nil {
			return nil, err
		}
		return webpush.New(webpush.Config{VAPIDPrivateKey: c.VAPIDPrivateKey, Subject: c.Subject, AllowHosts: cfg.WebPushHosts,
			Transport: cfg.WebPushTransport, RootCAs: cfg.Roots})
	}
	return nil, fault.E("hub.NewSender", fault.Invalid, fmt.Sprintf("there is no push service %q", service), nil)
}

func decodeSecret[T any](secret []byte) (T, error) {
	var v T
	if err := json.Unmarshal(secret, &v); err != nil {
		return v, fault.E("hub.NewSender", fault.Internal, "the stored credential cannot be read", err).WithFix("store it again")
	}
	return v, nil
}
