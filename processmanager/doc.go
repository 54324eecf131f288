// Package processmanager runs workflows: events come in, and commands go out.
//
// An aggregate decides on commands and records events. A process manager is an aggregate turned round: it decides on
// events and records commands. "When an order is checked out, send the confirmation and then confirm the order" is a
// process. It has an instance for each order, and each instance has a state, which says how far that order has come.
//
// # Reactions
//
// What a process does is told by reactions: pure functions of the instance's state and an event to the new state and the
// commands to send.
//
//	checkout := processmanager.New[Checkout]("checkout", store, agenda, Commands, dispatch, nil)
//	processmanager.On(checkout, order.Events, processmanager.ByStream,
//		func(s Checkout, e eventstore.Envelope[order.Event]) (Checkout, processmanager.Effects[Command]) {
//			switch e := e.Event.(type) {
//			case order.CheckedOut:
//				return s, processmanager.Effects[Command]{Send: []Command{SendEmail{Total: e.Total}, Confirm{}}}
//			case order.Confirmed:
//				return s, processmanager.Effects[Command]{Complete: true}
//			}
//			return s, processmanager.Effects[Command]{}
//		})
//	err := processmanager.Run(ctx, checkout)
//
// The route, here [ByStream], says which instance an event is for. The first event that is routed to a key begins the
// instance, whatever event it is; for events that are not for the process the route returns "". Each event that it
// routes is recorded, so routing less saves writes.
//
// Commands are plain structs of a sealed family with a codec of their own, just as events are, since they are stored
// before they run.
//
// # Dispatch
//
// Dispatch brings a command to its receiver. It is called at least once for each command: after a crash nobody can know
// whether the receiver has got the command, so it is dispatched again. Each time it has the same ID, and dispatch must
// hand that on, so that the receiver carries out the command once:
//
//	func dispatch(ctx context.Context, c processmanager.Command[Command]) error {
//		switch command := c.Command.(type) {
//		case Confirm: // an aggregate: the ID makes the events' IDs
//			_, err := orders.ExecuteOnce(ctx, c.ID, c.Instance, order.Confirm{})
//			var refused *aggregate.RefusedError
//			if errors.As(err, &refused) {
//				return processmanager.Refuse(refused)
//			}
//			return err
//		case SendEmail: // another system: the ID is its idempotency key
//			return mail.Send(ctx, mail.Message{IdempotencyKey: c.ID.String(), …})
//		default:
//			return fmt.Errorf("unknown command %T", command)
//		}
//	}
//
// What dispatch returns decides how the process goes on:
//
//   - nil: the command was carried out. The next one of the instance follows.
//   - [Refuse](err): the receiver will never carry it out. The refusal comes back to the process as an input, by
//     [OnRefused], and compensation is an ordinary reaction. What is a refusal is for dispatch to say: that an order is
//     closed is one, an [eventstore.ConflictError] is not.
//   - any other error, a panic, the timeout: the command is dispatched again, with exponential backoff, without end.
//     [Manager.Pending] shows it.
//
// # What is guaranteed
//
// M1, one decision for each input. An instance records its decision, with the input, the state and the commands, in one
// append to its stream that nobody else can have changed meanwhile. An event that comes again finds itself recorded and
// decides nothing. The same is true of a refusal.
//
// M2, commands are durable before they run. Whenever a process is killed, no command is lost, and none takes effect on an
// aggregate twice. Commands wait in their instance, so a receiver that is down holds up the instances that need it and
// no others.
//
// M5, order. An instance handles its inputs in the order of their positions, and dispatches its commands in the order in
// which it has sent them; one that fails holds up those after it. Between instances there is no order. A dispatch that
// does not end when its context does may still be under way when another process dispatches the command again, and the
// next ones.
//
// A manager can run in any number of processes at once. One of them reads the events and decides, and each instance's
// commands are taken up by one of them at a time. When that one is killed, the others take over when its lease ends;
// after a clean stop they do at once.
//
// # Where it is kept
//
// An instance is a stream, "$pm.checkout-42" for instance 42 of process checkout. It is the whole truth about the
// instance: what came in, what was decided, what became of each command. [Manager.Instance] shows it. The
// [eventstore.Agenda] keeps the checkpoint, and a hint at which instances have commands to dispatch.
//
// The state is stored as JSON after each decision and read back before the next, so that reactions may change in a new
// version of the program while instances are under way. New fields of the state are zero in old instances.
//
// An instance is read as a whole for each input, so it should have an end: tens of inputs, not millions. Complete ends
// it. Afterwards events for it are ignored, and refusals are recorded and logged but not reacted to; commands that are
// still pending are dispatched. So a process that wants to react to a refusal completes later.
//
// # Testing
//
// Package processmanagertest tests reactions by themselves: given these events, when that one comes, then these commands
// are sent. [Manager.CatchUp] runs a manager until nothing is left to do, in a fixed order.
package processmanager
