# Interface words, English. The same keys and placeholders as ru.ftl; see there for the marks.

product = Salonbridge
skip = Skip to content
other-language = Русский
request-id = Request number: {id}
refresh = Refresh the page
no-script = The page refreshes every 10~seconds. With JavaScript on, it changes at once.

connect-title = Connect WhatsApp
connect-salon = Salon
trail = Steps
trail-link = Link
trail-data = Data
trail-done = Done
lost-line = The connection to the server was lost. Reconnecting…
again = Try again
check-again = Check again
back = Back to YClients
link-again = Link again
link-other = Link another number
link-new-code = Show a new code

preparing-title = Preparing the code
preparing-lead = Take the phone that has the salon’s WhatsApp. The code will appear here.
preparing-slow = WhatsApp is slower than usual. The code will appear by itself.

qr-title = Scan the code with the salon’s phone
qr-lead = Clients will get their confirmations from this number.
qr-step-open = Open *WhatsApp* on the phone
qr-step-menu = In the menu or settings, choose *Linked devices*
qr-step-scan = Tap *Link a device* and point the camera at the code
qr-alt = QR code that links WhatsApp
qr-renews = Renews itself
qr-number = Code {number} of~{of}
qr-seconds = Seconds until it renews
to-code = No second screen? Use the phone number
to-qr = Show the QR code

code-title = Use the phone number
code-lead = Enter the salon’s WhatsApp number. We will show a code for the phone.
code-label = WhatsApp number
code-hint = With the country code, for example +44~7700~900~123
code-submit = Get the code
code-show-title = Enter this code in WhatsApp
code-show-lead = WhatsApp sends the phone a notification: tap it. If none came, do this:
code-step-menu = In WhatsApp, open *Linked devices*, then *Link a device*
code-step-number = At the bottom, tap *Link with phone number*
code-step-type = Enter the eight characters
code-alt = Code: {code}
code-copy = Copy the code
code-copied = Copied
code-left = The code is good for
code-other = Use another number

qr-exhausted-title[one] = Nobody scanned the code for {n}~minute
qr-exhausted-title[other] = Nobody scanned the code for {n}~minutes
qr-exhausted-lead = It happens. When the phone is at hand, we will show a new one.

linking-title = Phone found. Linking…
linking-lead = It usually takes a minute. Keep WhatsApp open on the phone.

linked-title = Is this the number clients expect messages from?
linked-lead = WhatsApp is linked.
linked-yes = Yes, this one
linked-other = Link another

syncing-title = Loading the salon’s data
syncing-lead = You can close the page: loading goes on without it.
sync-services = Services
sync-staff = Staff
sync-schedule = Schedule
sync-count = {done} of~{total}
sync-waiting = Waiting
sync-finished = Done: {total}

activating-title = Telling YClients
activating-lead = This is the last step. YClients is switching the app on for your salon.

active-title = WhatsApp is connected
active-lead = From now on, every new booking sends the client a confirmation from {phone}.
active-preview = What the client will see
trial = Send a trial message to yourself
trial-done = Sent. Open WhatsApp on the salon’s phone.

already-title = WhatsApp is connected
already-lead-online = The number is online, and clients get their confirmations.
already-title-offline = Reconnecting to WhatsApp
already-lead-offline = The number stays linked. Messages wait and will go by themselves.
fact-number = Number
fact-name = Name in WhatsApp
fact-linked = Linked
fact-last = Last message
fact-none = none yet
relink = Link anew
relink-warning = Until you link a phone again, clients get no messages from the salon.
relink-yes = Unlink and link anew

refused-devices-title = Too many devices are linked to this number
refused-devices-lead = WhatsApp allows four linked devices. Open *Linked devices* on the phone, remove one and try again.
refused-business-title = This kind of business account cannot be linked yet
refused-business-lead = This number is connected to WhatsApp through another program. Take a number that is open in the WhatsApp or WhatsApp Business app on a phone.
refused-restricted-title = WhatsApp has restricted this number
refused-restricted-title-until = WhatsApp has restricted this number until {until}
refused-restricted-lead = Until the restriction is lifted, no new device can be linked. Wait, or take another number.
refused-outdated-title = WhatsApp is waiting for our update
refused-outdated-lead = It no longer accepts our version. You need not do anything: we will update and go on.
refused-unreachable-title = WhatsApp does not answer
refused-unreachable-lead = We could not reach it. Your phone is fine.
refused-other-title = WhatsApp refused to link
refused-other-lead = It gave no reason. A new attempt in a few minutes usually helps.

lost-logged-out-title = WhatsApp was unlinked on the phone
lost-logged-out-lead = Our device was removed from the linked ones. Clients get no messages now. Linking again takes a minute.
lost-replaced-title = This link is open elsewhere
lost-replaced-lead = Another program has taken our place. Clients get no messages now.
lost-replaced-again = Take it back
lost-banned-title = WhatsApp has restricted the number
lost-banned-title-until = WhatsApp has restricted the number until {until}
lost-banned-lead = Until the restriction is lifted, clients get no messages. WhatsApp on the phone shows what the restriction is.
lost-outdated-title = Sending waits for an update
lost-outdated-lead = WhatsApp no longer accepts our version. The number stays linked. You need not do anything.

shared-title = This number already serves “{salon}”
shared-lead = One number can write to the clients of both salons: a client gets the messages in one chat.
shared-both = Use it for both
shared-other = Choose another

not-installed-title = YClients does not see the connection yet
not-installed-lead = Open the app in YClients and press “Connect”. If you already have, wait a minute and check again.
not-installed-open = Open the app in YClients

frozen-title = The app is paused
frozen-lead = YClients has paused it, most often until it is paid for. The number stays linked, but clients get no messages.

silent-title = YClients does not answer
silent-lead = We keep asking. You can close the page: connecting goes on without it.
silent-whatsapp-done = WhatsApp is linked
silent-whatsapp-waits = Linking WhatsApp
silent-data-waits = The salon’s data waits for YClients

licence-title = The salon’s YClients licence has expired
licence-lead = YClients gives no data of the salon until the licence is renewed. Renew it and check again: connecting goes on from here.
licence-data-waits = The salon’s data waits for the licence

fault-title = Something broke on our side
fault-lead = You did everything right, the mistake is ours. Try again. If that does not help, give support the request number.

expired-title = The link is good for an hour
expired-lead = Open the app in YClients once more: you will come back to this very step.
expired-open = Open YClients
crowded-title = The page is open too many times
crowded-lead = Close the other tabs with this page and refresh this one.

install-title = Installing the app
install-no-salon-title = The link names no salon
install-no-salon-lead = Open the app from YClients: that tells us which salon to connect.
install-signature-title = The link is damaged
install-signature-lead = The signature of YClients does not match. That happens when a link was forwarded or copied in part. Open the app from YClients once more.
install-belongs-title = This connection belongs to another salon
install-belongs-lead = The page was opened by one salon’s link and asks for another’s data. Open the app in YClients from the right salon.
install-owner-title = This salon is connected already
install-owner-lead = Only the person who connected the app sees this page: its code can link a phone. Open the app in YClients under the same account, or disconnect it there and connect it again.
install-silent-title = YClients does not answer
install-silent-lead = We could not check the installation. Nothing happened to your salon: wait a minute and check again.
choose-title = Which salon comes first?
choose-lead = The app is installed in several salons. After the first one, come back here for the others.
choose-linked = connected

error-missing-title = There is no such page
error-missing-lead = Perhaps the address is mistyped or the link is old.
error-often-title = Too often
error-often-lead = Wait a minute and refresh the page.
error-request-title = We did not understand the request
error-request-lead = Go one step back and try again.
error-busy-title = The service is not available now
error-busy-lead = Wait a minute and refresh the page.
error-home = To the front page

home-title = Booking confirmations in WhatsApp
home-lead = Salonbridge connects the YClients journal with the salon’s WhatsApp. A client who books, moves or cancels a visit hears of it in their chat at once.
home-how = How to connect
home-step-install = Install the app from the YClients marketplace
home-step-scan = Scan the code with the salon’s phone
home-step-ready = Done: the next booking sends the client a message
home-links = Where to go

say-bad-phone = Check the number: it needs the country code and all digits.
say-too-often = Too many attempts. Wait a minute.
say-not-now = This cannot be done now: the connection is at another step.
say-whatsapp = WhatsApp does not answer. Try again in a minute.
say-yclients = YClients does not answer. Try again in a minute.
say-fault = The mistake is on our side. Try again.
say-offline = No connection to the server. Wait, we are restoring it.
