package token

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"
)

// metadataKey is the header of a token, as gRPC and its gateway have it.
const metadataKey = "authorization"

const scheme = "Bearer "

// Present reports whether a call names a token, or more than one.
func Present(ctx context.Context) bool {
	return len(metadata.ValueFromIncomingContext(ctx, metadataKey)) > 0
}

// Bearer returns the token of a call (RFC 6750). ErrMissing if it has none, or more than one.
func Bearer(ctx context.Context) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, metadataKey)
	if len(values) != 1 || len(values[0]) <= len(scheme) || !strings.EqualFold(values[0][:len(scheme)], scheme) {
		return "", ErrMissing
	}
	return values[0][len(scheme):], nil
}
