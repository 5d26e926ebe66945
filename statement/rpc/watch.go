package rpc

import (
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/serve"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement"
	"google.golang.org/grpc"
)

// WatchLines sends the lines of an account as they become complete. The edge checks before each message
// whether the caller's certificate, token and session still hold, and each look at the account whether it is
// still his, so a stream ends with the next line or heartbeat at the latest. Errors: InvalidArgument parent or after_sequence; NotFound; ResourceExhausted;
// Unavailable while the database is away, or when the program ends.
func (s *Server) WatchLines(request *statementv1.WatchLinesRequest, stream grpc.ServerStreamingServer[statementv1.WatchLinesResponse]) error {
	ctx := stream.Context()
	account, err := field.ID("parent", accountsPrefix, request.GetParent())
	if err != nil {
		return err
	}
	if request.GetAfterSequence() < statement.FromNow {
		return fault.Invalid("after_sequence", "The sequence is 0 or more, or -1 for the next line.")
	}
	subject := serve.Principal(ctx)
	end, err := s.watches.begin(&subject)
	if err != nil {
		return err
	}
	defer end()
	query := statement.FollowQuery{Reader: readerOf(ctx), Account: account, After: request.GetAfterSequence(), Until: s.Draining}
	return s.Follower.Follow(ctx, query, func(followed statement.Followed) error {
		message := &statementv1.WatchLinesResponse{CompleteToSequence: followed.CompleteTo}
		if followed.Line != nil {
			message.Line = lineMessage(statement.State{Account: account, CompleteTo: followed.CompleteTo}, followed.Line)
		}
		return stream.Send(message)
	})
}
