package rpc

import (
	"context"
	"time"

	"codebank.dev/identity"
	"codebank.dev/platform/fault"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	// watchEvery is how often a stream looks for sessions that have ended.
	watchEvery = 250 * time.Millisecond
	// heartbeatEvery is how often a message comes at least.
	heartbeatEvery = time.Second
	// maxEnds bounds the ends in one message, which then has less than 10 MB.
	maxEnds = 100_000
)

// WatchEndedSessions tells a verifier which sessions have ended. A message comes only after the database
// was read, so a verifier that hears nothing knows that it does not know. Errors: InvalidArgument
// after_sequence; Unavailable while the database is away, or when the server ends.
func (s *Server) WatchEndedSessions(request *identityv1.WatchEndedSessionsRequest, stream grpc.ServerStreamingServer[identityv1.WatchEndedSessionsResponse]) error {
	sequence := request.GetAfterSequence()
	if sequence < 0 {
		return fault.Invalid("after_sequence", "The sequence is 0 or more.")
	}
	ticks := time.NewTicker(watchEvery)
	defer ticks.Stop()
	var told time.Time
	for {
		select {
		case <-s.listener.Draining():
			// A stream that was opened just now says nothing, so its verifier waits longer each time.
			return errEnding
		default:
		}
		ends, err := s.endsAfter(stream.Context(), sequence)
		if err != nil {
			return err
		}
		if len(ends) > 0 {
			sequence = ends[len(ends)-1].Sequence
		}
		if now := time.Now(); len(ends) > 0 || now.Sub(told) >= heartbeatEvery {
			told = now
			if err := stream.Send(endsMessage(ends, sequence)); err != nil {
				return err
			}
		}
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-s.listener.Draining():
		case <-ticks.C:
		}
	}
}

// endsAfter reads all ends behind a sequence. A verifier that gets a message takes what it has heard for
// all that there is, so a message does not end where a page of the database does.
func (s *Server) endsAfter(ctx context.Context, sequence int64) (all []identity.EndedSession, err error) {
	for len(all) < maxEnds {
		page, err := s.service.EndsAfter(ctx, sequence)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all, sequence = append(all, page...), page[len(page)-1].Sequence
	}
	return all, nil
}

var errEnding = fault.New(fault.Unavailable, "ENDING", "The program ends. Watch again.")

func endsMessage(ends []identity.EndedSession, sequence int64) *identityv1.WatchEndedSessionsResponse {
	message := &identityv1.WatchEndedSessionsResponse{Sequence: sequence}
	for _, end := range ends {
		message.EndedSessions = append(message.EndedSessions, &identityv1.EndedSession{
			Session: identity.SessionName(end.Session), EndTime: timestamppb.New(end.EndedAt), TokensExpireTime: timestamppb.New(end.TokensExpireAt),
		})
	}
	return message
}
