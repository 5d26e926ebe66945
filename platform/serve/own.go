package serve

import (
	"context"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"codebank.dev/platform/fault"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/test/bufconn"
)

// ownBuffer is the size of the buffer of a connection within the process.
const ownBuffer = 256 << 10

// ownListener is where the gateway's own calls come in. It is in this process, so no network reaches it:
// what a call over it says about who made the request is believed.
type ownListener struct{ *bufconn.Listener }

// ownConn is a connection over it.
type ownConn struct{ net.Conn }

func newOwnListener() *ownListener { return &ownListener{bufconn.Listen(ownBuffer)} }

// Accept returns a connection that the credentials of the server know.
func (l *ownListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return ownConn{conn}, nil
}

// handles keep what is proved about the clients of requests while the gateway calls for them.
type handles struct {
	next    atomic.Uint64
	pending sync.Map // string → *proof
}

// lend keeps a proof for one call, and returns the call's context and what ends the loan.
func (h *handles) lend(ctx context.Context, proved *proof) (context.Context, func()) {
	handle := strconv.FormatUint(h.next.Add(1), 36)
	h.pending.Store(handle, proved)
	return metadata.AppendToOutgoingContext(ctx, gatewayKey, handle), func() { h.pending.Delete(handle) }
}

// proofOf returns what is proved about who makes a call: by its connection or, for a call of the gateway,
// by the connection of the request. It is nil if nothing is known.
func (h *handles) proofOf(ctx context.Context) *proof {
	caller, _ := peer.FromContext(ctx)
	if caller == nil {
		return nil
	}
	info, ok := caller.AuthInfo.(*accepted)
	if !ok {
		return nil
	}
	if info.proof != nil {
		return info.proof
	}
	values := metadata.ValueFromIncomingContext(ctx, gatewayKey)
	if len(values) != 1 {
		return nil
	}
	known, ok := h.pending.Load(values[0])
	if !ok {
		return nil
	}
	return known.(*proof)
}

// isOwn reports whether a call comes by the gateway of this process.
func isOwn(ctx context.Context) bool {
	caller, _ := peer.FromContext(ctx)
	if caller == nil {
		return false
	}
	info, ok := caller.AuthInfo.(*accepted)
	return ok && info.proof == nil
}

// errRequestEnded refuses a call of the gateway whose loan is over, because the client of the request has
// gone. Who called is not known any more, and the call must not be made for somebody else: in another
// namespace a repeat of the request would be a second one.
var errRequestEnded = fault.New(fault.Unauthenticated, "REQUEST_ENDED", "The request has ended.")

// accepted is the credentials of a connection that the server has accepted.
type accepted struct {
	credentials.CommonAuthInfo
	// proof is nil for the gateway's own connection.
	proof *proof
	// open is how many calls a connection without a certificate has open.
	open atomic.Int64
}

// AuthType implements credentials.AuthInfo.
func (*accepted) AuthType() string { return "codebank" }

// door is the server's credentials.
type door struct{ walls *Walls }

var _ credentials.TransportCredentials = (*door)(nil)

// ServerHandshake finds out who the other side is.
func (d *door) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	safe := credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}
	if _, own := conn.(ownConn); own {
		return conn, &accepted{CommonAuthInfo: safe}, nil
	}
	if d.walls.files == nil {
		plain := credentials.CommonAuthInfo{SecurityLevel: credentials.NoSecurity}
		return conn, &accepted{CommonAuthInfo: plain, proof: d.walls.prove(nil)}, nil
	}
	secured, info, err := d.walls.files.Handshake(conn)
	if err != nil {
		return nil, nil, err
	}
	return secured, &accepted{CommonAuthInfo: safe, proof: d.walls.prove(info.State.PeerCertificates)}, nil
}

// ClientHandshake is not for a server.
func (d *door) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, net.ErrClosed
}

// Info implements credentials.TransportCredentials.
func (d *door) Info() credentials.ProtocolInfo { return credentials.ProtocolInfo{} }

// Clone implements credentials.TransportCredentials.
func (d *door) Clone() credentials.TransportCredentials { return d }

// OverrideServerName is not for a server.
func (d *door) OverrideServerName(string) error { return nil }
