package rest

import (
	"context"
	"strings"

	"codebank.dev/gateway"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// requestField is the field by which the contracts name a command.
const requestField = "request_id"

// Forwarded is the interceptor of calls that go on to the programs behind the gateway. There all request ids of
// the gateway are of one namespace. So that each user has his own, the id that a user gives is replaced by
// gateway.RequestID of it, and put back into the answer: it names the same command as the same Idempotency-Key
// on the routes here. A reversal is checked as on those routes, and an e-mail address must be the user's own.
func (s *Server) Forwarded(ctx context.Context, in any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	request, ok := in.(proto.Message)
	if !ok {
		return handle(ctx, in)
	}
	if info.FullMethod == bankv1.WalletService_Reverse_FullMethodName {
		if err := s.checkReversal(s.onward(ctx), request.(*bankv1.ReverseRequest).GetName()); err != nil {
			return nil, err
		}
	}
	if asked, ok := request.(*statementv1.CreateFileRequest); ok && asked.GetEmail() != "" {
		if err := s.checkAddress(s.onward(ctx), asked.GetEmail()); err != nil {
			return nil, err
		}
	}
	message := request.ProtoReflect()
	named := message.Descriptor().Fields().ByName(requestField)
	if named == nil {
		out, err := handle(ctx, in)
		if answer, ok := out.(proto.Message); ok && err == nil {
			putBack(answer.ProtoReflect(), "", "")
		}
		return out, err
	}
	given := message.Get(named).String()
	if err := field.Word(requestField, given); err != nil {
		return nil, err
	}
	subject := serve.Principal(ctx)
	user := subject.UserID()
	if user.IsZero() {
		return nil, errNotPerson
	}
	derived, err := gateway.RequestID(user, given)
	if err != nil {
		return nil, err
	}
	message.Set(named, protoreflect.ValueOfString(derived.String()))
	out, err := handle(ctx, request)
	if answer, ok := out.(proto.Message); ok && err == nil {
		putBack(answer.ProtoReflect(), derived.String(), given)
	}
	return out, err
}

// checkAddress returns nil for the user's own e-mail address, which identity has proved. The bank's e-mails go to
// nobody else.
func (s *Server) checkAddress(ctx context.Context, address string) error {
	found, err := s.identity.GetMe(ctx, &identityv1.GetMeRequest{})
	if err != nil {
		return err
	}
	if !strings.EqualFold(found.GetUser().GetEmail(), address) {
		return fault.Invalid("email", "A file is announced to the user's own address only.")
	}
	return nil
}

// fileMessage is the message whose request ids are the gateway's own, unless they are those of the call.
var fileMessage = (&statementv1.File{}).ProtoReflect().Descriptor().FullName()

// putBack replaces the request id of a call in a message and in those that it holds. Of files it takes away other
// request ids: they were derived too, and name nothing to the user.
func putBack(message protoreflect.Message, derived, given string) {
	message.Range(func(of protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case of.IsMap():
		case of.IsList():
			for i := range value.List().Len() {
				if of.Message() != nil {
					putBack(value.List().Get(i).Message(), derived, given)
				}
			}
		case of.Message() != nil:
			putBack(value.Message(), derived, given)
		case of.Name() != requestField:
		case value.String() == derived:
			message.Set(of, protoreflect.ValueOfString(given))
		case message.Descriptor().FullName() == fileMessage:
			message.Clear(of)
		}
		return true
	})
}
