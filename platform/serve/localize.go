package serve

import (
	"context"
	"slices"

	"codebank.dev/platform/language"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// localized returns an answer with the fields of Config.Localized in the caller's language. The answer itself
// stays as it is, because a handler may keep it.
func (c *Config) localized(ctx context.Context, answer any) any {
	if len(c.Localized) == 0 {
		return answer
	}
	tag := Language(ctx)
	message, ok := answer.(proto.Message)
	if tag == language.English || !ok {
		return answer
	}
	copied := proto.Clone(message)
	c.localize(tag, copied.ProtoReflect())
	return copied
}

// localize translates the fields of a message and of all messages in it.
func (c *Config) localize(tag language.Tag, message protoreflect.Message) {
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Kind() == protoreflect.StringKind && !field.IsList() && !field.IsMap():
			if slices.Contains(c.Localized, field.FullName()) {
				text, _ := language.Translate(tag, value.String())
				message.Set(field, protoreflect.ValueOfString(text))
			}
		case field.Kind() != protoreflect.MessageKind || field.IsMap():
		case field.IsList():
			for i := range value.List().Len() {
				c.localize(tag, value.List().Get(i).Message())
			}
		default:
			c.localize(tag, value.Message())
		}
		return true
	})
}
