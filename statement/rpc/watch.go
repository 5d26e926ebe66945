package rpc

import (
	"sync"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement"
	"google.golang.org/grpc"
)

// How many streams of lines are open at once. Those over REST share the connections of the program with all
// other calls over REST, so all of them are far fewer than a connection takes.
const (
	watchesOfUser    = 8
	watchesOfProgram = 128
	watchesOfAll     = 512
)

var errWatches = fault.New(fault.ResourceExhausted, "TOO_MANY_WATCHES",
	"Too many streams of lines are open. Close one before you open another.").After(time.Second)

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

// watches counts the open streams of lines.
type watches struct {
	mutex sync.Mutex
	all   int
	open  map[string]int // by the caller's namespace of request ids
}

// begin counts one more stream of a caller, until end is called. It returns errWatches if there are too many.
func (w *watches) begin(caller *principal.Principal) (end func(), err error) {
	most := watchesOfProgram
	if caller.IsPerson() {
		most = watchesOfUser
	}
	name := caller.Namespace()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.all >= watchesOfAll || w.open[name] >= most {
		return nil, errWatches
	}
	w.all++
	w.open[name]++
	return func() {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		w.all--
		if w.open[name]--; w.open[name] == 0 {
			delete(w.open, name)
		}
	}, nil
}
