// Shows who rings while the page is closed, and opens it; what it is told comes from the appliance, sealed for this browser.

const TEXTS = {
  en: { video: 'Incoming video call', audio: 'Incoming call', missed: 'Missed call', over: 'Answered or declined elsewhere', answer: 'Answer' },
  zh: { video: '视频来电', audio: '语音来电', missed: '未接来电', over: '已在其他设备上处理', answer: '接听' },
}

const texts = () => TEXTS[navigator.language.slice(0, 2).toLowerCase()] ?? TEXTS.en

self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

self.addEventListener('push', (event) => {
  const told = event.data?.json()
  if (told) event.waitUntil(tell(told))
})

/** `told`: what (`ring` or `over`), the call, who, its media, and whether it was missed. */
async function tell(told) {
  const pages = await self.clients.matchAll({ type: 'window' })
  const isSeen = pages.some((page) => page.visibilityState === 'visible')
  // A page that is looked at rings by itself.
  if (isSeen && told.what === 'ring') return
  const shown = await self.registration.getNotifications({ tag: told.call })
  for (const one of shown) one.close()
  const words = texts()
  if (told.what === 'ring') {
    return self.registration.showNotification(told.from, {
      body: words[told.media] ?? words.audio,
      tag: told.call,
      icon: '/icon.svg',
      requireInteraction: true,
      renotify: true,
      vibrate: [400, 200, 400, 200, 400],
      actions: [{ action: 'answer', title: words.answer }],
    })
  }
  if (isSeen) return
  // Browsers want every message to be shown; what needs nobody's attention makes no noise.
  const body = told.missed ? words.missed : words.over
  return self.registration.showNotification(told.from, { body, tag: told.call, icon: '/icon.svg', silent: !told.missed })
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(open())
})

/** The page, which rings as soon as it is signed in. */
async function open() {
  const pages = await self.clients.matchAll({ type: 'window' })
  const page = pages.find((one) => new URL(one.url).pathname === '/')
  return page ? page.focus() : self.clients.openWindow('/')
}
