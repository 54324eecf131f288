package eventstoretest

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/pasttense/pasttense/eventstore"
)

const testProcess = "checkout"

// planClauses hold that a plan makes the move and adds its tasks, both or neither.
func planClauses() []clause[*agendaTrial] {
	return []clause[*agendaTrial]{
		{name: "a plan adds tasks that are due", check: planAddsTasks},
		{name: "a plan that is refused adds nothing", check: refusedPlanAddsNothing},
		{name: "one of many racing plans wins", check: onePlanWins},
		{name: "a plan gives a task the greater version", check: planRaisesVersion},
		{name: "a plan keeps the due time of a task", check: planKeepsDueTime},
		{name: "odd instances are distinct", check: oddInstances},
		{name: "many instances in one plan", check: manyInstances},
		{name: "an ended context ends every method", check: endedContextEndsAgenda},
	}
}

type versions = map[string]eventstore.Version

// plan moves the process on by one, from a position, and plans instances.
func (c *agendaTrial) plan(from eventstore.Position, instances versions) {
	c.Helper()
	move := eventstore.Move{Consumer: testProcess, From: from, To: from + 1}
	c.ok(c.Agenda.Plan(c.ctx, move, instances), "plan %v", instances)
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
	c.plan(0, versions{"a": 3, "b": 1})
	for _, agenda := range c.handles() {
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
	checkpoint, err := c.Agenda.Checkpoint(c.ctx, testProcess)
	c.ok(err, "read checkpoint")
	equal(c, "position", checkpoint.Position, 1)
	equal(c, "tasks that are due", len(c.claim(10, long)), 2)
}

func refusedPlanAddsNothing(c *agendaTrial) {
	move := eventstore.Move{Consumer: testProcess, From: 5, To: 6}
	err := c.Agenda.Plan(c.ctx, move, versions{"a": 1})
	c.fails(err, eventstore.ErrCheckpointMoved, "plan from elsewhere")
	c.ok(c.Agenda.Pause(c.ctx, testProcess, 0, "a reason"), "pause")
	err = c.Agenda.Plan(c.ctx, eventstore.Move{Consumer: testProcess, To: 1}, versions{"a": 1})
	c.fails(err, eventstore.ErrPaused, "plan of who is paused")
	equal(c, "tasks", len(c.tasks(c.Agenda)), 0)
}

func onePlanWins(c *agendaTrial) {
	const racers = 6
	handles := c.handles()
	for round := range 10 {
		var won, winner atomic.Int64
		c.race(racers, func(i int) error {
			move := eventstore.Move{Consumer: testProcess, From: eventstore.Position(round), To: eventstore.Position(round + 1)}
			err := handles[i%len(handles)].Plan(c.ctx, move, versions{counted("by", round, i): 1, "all": 1})
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

func planRaisesVersion(c *agendaTrial) {
	for from, version := range []eventstore.Version{3, 5, 4, 5, 1, 9} {
		c.plan(eventstore.Position(from), versions{"a": version})
	}
	equal(c, "version", c.task().Version, 9)
	c.plan(6, versions{"a": 2})
	equal(c, "version", c.task().Version, 9)
}

func planKeepsDueTime(c *agendaTrial) {
	c.plan(0, versions{"a": 1})
	due := c.task().DueAt
	c.pass(moment)
	c.plan(1, versions{"a": 2})
	equal(c, "due time of a task planned again", c.task().DueAt, due)

	equal(c, "claimed", len(c.claim(1, long)), 1)
	due = c.task().DueAt
	c.plan(2, versions{"a": 3})
	equal(c, "due time of a claimed task planned again", c.task().DueAt, due)
	equal(c, "claimed again", len(c.claim(1, long)), 0)
}

func oddInstances(c *agendaTrial) {
	want := make(versions)
	for i, name := range append(oddNames(), "-", "a-b") {
		want[name] = eventstore.Version(i + 1)
	}
	c.plan(0, want)
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
	c.plan(0, instances)
	equal(c, "tasks", len(c.tasks(c.Agenda)), many)
	c.plan(1, instances)
	equal(c, "claimed", fmt.Sprint(versionsOf(c.claim(2*many, long))), fmt.Sprint(instances))
}

func endedContextEndsAgenda(c *agendaTrial) {
	c.plan(0, versions{"a": 1})
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
	err = c.Agenda.Plan(ctx, eventstore.Move{Consumer: testProcess, From: 1, To: 2}, versions{"b": 1})
	c.fails(err, context.Canceled, "Plan")
	equal(c, "tasks", c.tasks(c.Agenda), before)
}
