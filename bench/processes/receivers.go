package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// receivers carry out commands.
type receivers struct {
	orders   *aggregate.Repository[order, orderEvent]
	stock    *aggregate.Repository[stock, stockEvent]
	mailURL  string
	careless bool
}

func newReceivers(store eventstore.Store, mailURL string, careless bool) *receivers {
	return &receivers{orders: newOrders(store), stock: newStock(store), mailURL: mailURL, careless: careless}
}

func (r *receivers) dispatch(ctx context.Context, c processmanager.Command[command]) error {
	switch command := c.Command.(type) {
	case reserveStock:
		_, err := r.stock.ExecuteOnce(ctx, c.ID, c.Instance, reservation{command: c.ID})
		return refuseWhatIsDecided(err)
	case releaseStock:
		if c.Undoes == nil {
			return errors.New("it undoes nothing")
		}
		_, err := r.stock.ExecuteOnce(ctx, c.ID, c.Instance, giveBack{undoes: *c.Undoes})
		return err
	case sendMail:
		return r.send(ctx, c.ID, mail{Order: c.Instance, Kind: command.Kind})
	case confirmOrder:
		_, err := r.orders.ExecuteOnce(ctx, c.ID, c.Instance, confirmation{})
		return refuseWhatIsDecided(err)
	default:
		return fmt.Errorf("unknown command %T", command)
	}
}

func refuseWhatIsDecided(err error) error {
	var refused *aggregate.RefusedError
	if errors.As(err, &refused) {
		return processmanager.Refuse(refused)
	}
	return err
}

func (r *receivers) send(ctx context.Context, id uuid.UUID, m mail) error {
	if r.careless {
		id = uuid.New()
	}
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.mailURL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set(keyHeader, id.String())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("send mail: %s", response.Status)
	}
	return nil
}
