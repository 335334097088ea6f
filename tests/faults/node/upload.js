// Uploads one file with an unmodified tus-js-client:  node upload.js '{"file": …, "options": {…}}'
// Prints {"url": …}; `options` are tus-js-client's own.
import { createReadStream } from 'node:fs'
import { Upload } from 'tus-js-client'

// In Node it waits for ever for the rest of an answer that broke off; an application does not.
const SILENCE_MS = 4000

const { file, options } = JSON.parse(process.argv[2])
let heard = Date.now()
const hear = () => {
  heard = Date.now()
}

const upload = new Upload(createReadStream(file), {
  ...options,
  onProgress: hear,
  onAfterResponse: hear,
  onShouldRetry: (error) => {
    hear()
    const status = error.originalResponse?.getStatus() ?? 0
    return status < 400 || status >= 500 || status === 409 || status === 423
  },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: () => {
    console.log(JSON.stringify({ url: upload.url }))
    process.exit(0)
  },
})

setInterval(async () => {
  if (Date.now() - heard < SILENCE_MS) return
  hear()
  await upload.abort()
  upload.start()
}, 500)

upload.start()
