// The webhook route as it is usually written: Express and pg, one durable row for a hook, then the answer.
// It neither deduplicates nor encrypts nor plans what follows; the product does all three before it answers.
const express = require('express');
const { Pool } = require('pg');

// pg's own ten connections, unless told otherwise.
const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: Number(process.env.POOL ?? 10) });
const app = express();
app.disable('x-powered-by');
app.use(express.json({ limit: '1mb' }));

const INSERT = {
  name: 'insert_event',
  text: 'INSERT INTO webhook_events (company_id, resource, resource_id, status, payload) VALUES ($1, $2, $3, $4, $5)',
};

app.post('/webhook/yclients/:company_id', async (req, res) => {
  const event = req.body;
  try {
    const values = [req.params.company_id, event.resource, event.resource_id, event.status, JSON.stringify(event)];
    await pool.query({ ...INSERT, values });
    res.status(200).json({ received: true });
  } catch (error) {
    console.error('Webhook processing error:', error);
    res.status(500).json({ error: 'Processing failed' });
  }
});

async function main() {
  await pool.query(`CREATE TABLE IF NOT EXISTS webhook_events (
    id BIGSERIAL PRIMARY KEY, company_id TEXT NOT NULL, resource TEXT NOT NULL, resource_id BIGINT NOT NULL,
    status TEXT NOT NULL, payload TEXT NOT NULL, received_at TIMESTAMPTZ NOT NULL DEFAULT now())`);
  const server = app.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
}

main();
