package eventstoretest

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/pasttense/pasttense/eventstore"
)

const testProcess = "checkout"

// process returns the consumer of the tests' process manager, which it defines if it is not.
func (c *agendaTrial) process() eventstore.Checkpoint {
	c.Helper()
	c.define(first(testProcess), 1)
	return c.at(first(testProcess), 0)
}

// planClauses hold that a plan makes the move and adds its tasks, both or neither.
func planClauses() []clause[*agendaTrial] {
	return []clause[*agendaTrial]{
		{name: "a plan adds tasks that are due", check: planAddsTasks},
		{name: "a plan that is refused adds nothing", check: refusedPlanAddsNothing},
		{name: "one of many racing plans wins", check: onePlanWins},
		{name: "a plan gives a task the greater version", check: planRaisesVersion},
		{name: "a plan keeps the due time of a task", check: planKeepsDueTime},
		{name: "partitions plan at the same time", check: plansOfPartitions},
		{name: "a forgotten process has no tasks", check: forgottenHasNoTasks},
		{name: "odd instances are distinct", check: oddInstances},
		{name: "many instances in one plan", check: manyInstances},
		{name: "an ended context ends every method", check: endedContextEndsAgenda},
	}
}

type versions = map[string]eventstore.Version

// plan moves the process on by one and plans instances.
func (c *agendaTrial) plan(instances versions) {
	c.Helper()
	at := c.process()
	c.ok(c.Agenda.Plan(c.ctx, leaving(at, at.Position+1), instances), "plan %v", instances)
}

func (c *agendaTrial) tasks(agenda eventstore.Agenda) []eventstore.Task {
	c.Helper()
	tasks, err := agenda.Tasks(c.ctx, testProcess)
	c.ok(err, "list tasks")
	return tasks
}

// task returns the only task of the process.
func (c *agendaTrial) task() eventstore.Task {
	c.Helper()
	tasks := c.tasks(c.Agenda)
	equal(c, "number of tasks", len(tasks), 1)
	return tasks[0]
}

func versionsOf(tasks []eventstore.Task) versions {
	found := make(versions)
	for _, task := range tasks {
		found[task.Instance] = task.Version
	}
	return found
}

func planAddsTasks(c *agendaTrial) {
	c.plan(versions{"a": 3, "b": 1})
	for _, agenda := range c.agendas {
		tasks := c.tasks(agenda)
		equal(c, "tasks", fmt.Sprint(versionsOf(tasks)), fmt.Sprint(versions{"a": 3, "b": 1}))
		for _, task := range tasks {
			want := eventstore.Task{
				Process: testProcess, Instance: task.Instance, Version: task.Version, DueAt: task.DueAt,
			}
			equal(c, "a new task", task, want)
			equal(c, "a new task has a due time", task.DueAt.IsZero(), false)
		}
	}
	c.is(first(testProcess), 1)
	equal(c, "tasks that are due", len(c.claim(10, long)), 2)
}

func refusedPlanAddsNothing(c *agendaTrial) {
	at := c.process()
	elsewhere, before := leaving(at, 6), leaving(at, 1)
	elsewhere.From = 5
	err := c.Agenda.Plan(c.ctx, elsewhere, versions{"a": 1})
	c.fails(err, eventstore.ErrCheckpointMoved, "plan from elsewhere")
	c.pauses(at, "a reason")
	err = c.Agenda.Plan(c.ctx, leaving(c.at(first(testProcess), 0), 1), versions{"a": 1})
	c.fails(err, eventstore.ErrPaused, "plan of who is paused")
	c.ok(c.Agenda.Resume(c.ctx, first(testProcess)), "resume")
	err = c.Agenda.Plan(c.ctx, before, versions{"a": 1})
	c.fails(err, eventstore.ErrCheckpointMoved, "plan in an older epoch")
	err = c.Agenda.Plan(c.ctx, eventstore.Move{Consumer: first("undefined"), To: 1}, versions{"a": 1})
	c.fails(err, eventstore.ErrCheckpointMoved, "plan of who is not defined")
	equal(c, "tasks", len(c.tasks(c.Agenda)), 0)
	c.is(first(testProcess), 0)
}

func onePlanWins(c *agendaTrial) {
	const racers = 6
	for round := range 10 {
		at := c.process()
		var won, winner atomic.Int64
		c.race(racers, func(i int) error {
			move := leaving(at, at.Position+1)
			err := c.agendas[i%len(c.agendas)].Plan(c.ctx, move, versions{counted("by", round, i): 1, "all": 1})
			if err == nil {
				won.Add(1)
				winner.Store(int64(i))
			}
			return unless(err, eventstore.ErrCheckpointMoved)
		})
		equal(c, "winners of the same move", won.Load(), 1)
		found := versionsOf(c.tasks(c.Agenda))
		equal(c, "tasks", len(found), round+2)
		equal(c, "version of the winner's task", found[counted("by", round, int(winner.Load()))], 1)
	}
}

// plansOfPartitions plans the same instance and others from several partitions at the same time. None waits for another
// for ever, and the greatest version remains.
func plansOfPartitions(c *agendaTrial) {
	const partitions = 4
	process := first(testProcess)
	c.define(process, partitions)
	begun := c.all(c.handles[0], process)
	steps := max(c.size/partitions/2, 1)
	c.race(partitions, func(i int) error {
		for at := begun[i]; at.Position < eventstore.Position(steps); at.Position++ {
			version := eventstore.Version(at.Position + 1)
			planned := versions{"a": version, "b": version, "c": version, counted("own", i): version}
			if err := c.agendas[i%len(c.agendas)].Plan(c.ctx, leaving(at, at.Position+1), planned); err != nil {
				return err
			}
		}
		return nil
	})
	want := make(versions)
	for _, instance := range []string{"a", "b", "c", "own-0", "own-1", "own-2", "own-3"} {
		want[instance] = eventstore.Version(steps)
	}
	equal(c, "tasks", fmt.Sprint(versionsOf(c.tasks(c.Agenda))), fmt.Sprint(want))
	c.is(process, eventstore.Position(steps))
}

func forgottenHasNoTasks(c *agendaTrial) {
	c.plan(versions{"a": 1, "b": 1})
	other := first("other")
	c.define(other, 1)
	c.ok(c.Agenda.Plan(c.ctx, leaving(c.at(other, 0), 1), versions{"a": 1}), "plan")
	c.ok(c.Agenda.Forget(c.ctx, first(testProcess)), "forget")
	equal(c, "tasks", len(c.tasks(c.Agenda)), 0)
	tasks, err := c.Agenda.Tasks(c.ctx, "other")
	c.ok(err, "list tasks")
	equal(c, "tasks of another", len(tasks), 1)
	c.plan(versions{"b": 2})
	equal(c, "tasks", fmt.Sprint(versionsOf(c.tasks(c.Agenda))), fmt.Sprint(versions{"b": 2}))
}

func planRaisesVersion(c *agendaTrial) {
	for _, version := range []eventstore.Version{3, 5, 4, 5, 1, 9} {
		c.plan(versions{"a": version})
	}
	equal(c, "version", c.task().Version, 9)
	c.plan(versions{"a": 2})
	equal(c, "version", c.task().Version, 9)
}

func planKeepsDueTime(c *agendaTrial) {
	c.plan(versions{"a": 1})
	due := c.task().DueAt
	c.pass(moment)
	c.plan(versions{"a": 2})
	equal(c, "due time of a task planned again", c.task().DueAt, due)

	equal(c, "claimed", len(c.claim(1, long)), 1)
	due = c.task().DueAt
	c.plan(versions{"a": 3})
	equal(c, "due time of a claimed task planned again", c.task().DueAt, due)
	equal(c, "claimed again", len(c.claim(1, long)), 0)
}

func oddInstances(c *agendaTrial) {
	want := make(versions)
	for i, name := range append(oddNames(), "-", "a-b") {
		want[name] = eventstore.Version(i + 1)
	}
	c.plan(want)
	equal(c, "tasks", fmt.Sprint(versionsOf(c.tasks(c.Agenda))), fmt.Sprint(want))
	claimed := c.claim(len(want), long)
	equal(c, "claimed", fmt.Sprint(versionsOf(claimed)), fmt.Sprint(want))
	for _, task := range claimed[1:] {
		c.done(task)
	}
	equal(c, "the task that remains", c.task().Instance, claimed[0].Instance)
}

func manyInstances(c *agendaTrial) {
	const many = 2000
	instances := make(versions, many)
	for i := range many {
		instances[counted("instance", i)] = eventstore.Version(i + 1)
	}
	c.plan(instances)
	equal(c, "tasks", len(c.tasks(c.Agenda)), many)
	c.plan(instances)
	equal(c, "claimed", fmt.Sprint(versionsOf(c.claim(2*many, long))), fmt.Sprint(instances))
}

func endedContextEndsAgenda(c *agendaTrial) {
	c.plan(versions{"a": 1})
	task := c.claim(1, long)[0]
	before := c.tasks(c.Agenda)
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	_, err := c.Agenda.Claim(ctx, testProcess, 1, long)
	c.fails(err, context.Canceled, "Claim")
	_, err = c.Agenda.Tasks(ctx, testProcess)
	c.fails(err, context.Canceled, "Tasks")
	c.fails(c.Agenda.Done(ctx, task), context.Canceled, "Done")
	c.fails(c.Agenda.Postpone(ctx, task, 0, ""), context.Canceled, "Postpone")
	err = c.Agenda.Plan(ctx, leaving(c.process(), 2), versions{"b": 1})
	c.fails(err, context.Canceled, "Plan")
	equal(c, "tasks", c.tasks(c.Agenda), before)
}
